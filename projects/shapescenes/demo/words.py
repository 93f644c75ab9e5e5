"""The attention picture of the demo."""

from pathlib import Path

from visualize_attention import default_words, draw_attention

from mmtadp.apis import init_model
from mmtadp.apis.attention import attention_of_words

from .pictures import example_stems, read_image
from .scoring import read_captions


def draw_words(run, out_file: Path) -> None:
    """Draw the attention maps of the class names in the longest caption of the examples.

    Args:
        run (PromptRun): Trained with captions.
        out_file (Path): PNG to write.
    """
    model = init_model(run.cfg, run.checkpoint)
    captions = read_captions(run.cfg)
    stem = max(example_stems(run.cfg), key=lambda s: len(captions[s]))
    image, caption = read_image(run.cfg, stem), captions[stem]
    maps = attention_of_words(model, image, caption, default_words(model, caption))
    draw_attention(image, caption, maps, out_file)
