"""Cross-attention maps of the words in a caption."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from mmtadp.models import TADPUNetBackbone, find_backbones
from mmtadp.models.diffusion.text_encoder import check_caption
from mmtadp.utils.arguments import check_text
from mmtadp.utils.errors import RunError

from .images import check_array


def word_tokens(backbone: TADPUNetBackbone, caption: str, word: str) -> list[int]:
    """Return the positions of a word's tokens in the prompt.

    Args:
        backbone (TADPUNetBackbone): A backbone whose prompt type encodes captions.
        caption (str): The caption.
        word (str): A word or phrase in the caption; each occurrence counts.

    Returns:
        list[int]: Positions; the start-of-text token has position 0.

    Raises:
        RunError: If the caption does not contain the word, or the text encoder truncates it.
    """
    check_text('the word', word.strip() if isinstance(word, str) else word)
    encoder = backbone.prompt.text_encoder
    # The tokenizer takes accents in either form; positions below are those of one.
    caption, word = (unicodedata.normalize('NFC', text) for text in (caption, word))
    pattern = r'\s+'.join(map(re.escape, word.split()))
    # Words end where their characters do: 'c++' has no word boundary behind it.
    if not encoder.has_token(word.strip()):
        pattern = rf'(?<!\w){pattern}(?!\w)'
    spans = [m.span() for m in re.finditer(pattern, caption, re.IGNORECASE)]
    if not spans:
        raise RunError(f'the caption does not contain the word {word!r}: {caption!r}')
    tokens = encoder.token_spans(caption)
    read = len(tokens) if len(tokens) <= encoder.max_length else encoder.max_length - 1
    positions = [
        position
        for position, (start, stop) in enumerate(tokens[:read])
        if any(start < end and begin < stop for begin, end in spans)
    ]
    if not positions:
        raise RunError(
            f"{word!r} is beyond the text encoder's limit of {encoder.max_length} tokens"
        )
    return positions


def attention_of_words(
    model: nn.Module, image: np.ndarray, caption: str, words: str | Sequence[str]
) -> dict[str, np.ndarray]:
    """Return the cross-attention maps of words.

    Args:
        model (nn.Module): Segmentor or detector with a ``TADPUNetBackbone``.
        image (np.ndarray): (H, W, 3) BGR in [0, 255].
        caption (str): Caption of the image.
        words (str | Sequence[str]): Words or phrases of the caption.

    Returns:
        dict[str, np.ndarray]: (H, W) float32 per word: attention probabilities, averaged over
        the resolutions whose maps the backbone returns, summed over the tokens of the word.

    Raises:
        RunError: If the backbone returns no maps, or the caption does not contain a word.
    """
    backbones = list(find_backbones(model).values())
    if len(backbones) != 1:
        raise RunError(
            f'{type(model).__name__} has {len(backbones)} backbones of type TADPUNetBackbone; '
            'attention of words needs a model with one.'
        )
    (backbone,) = backbones
    words = [words] if isinstance(words, str) else list(words)
    check_array(image)
    check_caption(caption, 'the image')
    if backbone.prompt.meta_keys != ('caption',):
        raise RunError(
            f'{type(backbone.prompt).__name__} does not read captions, so words of a caption '
            'have no attention maps. Choose a config with CaptionPrompt.'
        )
    positions = {word: word_tokens(backbone, caption, word) for word in words}
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
    with torch.no_grad():
        batch = model.data_preprocessor(dict(inputs=[pixels], data_samples=None), False)
        maps = backbone.attention_maps(backbone(batch['inputs'], [caption]))
    if not maps:
        raise RunError('the backbone returns no attention maps: the config has use_attn=False')
    height, width = image.shape[:2]
    # A map's last row and column may reach beyond the image.
    scaled = [
        F.interpolate(m.float(), scale_factor=stride, mode='bilinear')[..., :height, :width]
        for stride, m in maps.items()
    ]
    mean = torch.stack(scaled).mean(0)[0].cpu().numpy()
    return {word: mean[tokens].sum(0) for word, tokens in positions.items()}
