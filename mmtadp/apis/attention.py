"""Where in an image the words of a caption are attended to."""

import re
from typing import Dict, List, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from mmtadp.engine.hooks.caption_prompt_hook import find_backbones
from mmtadp.models import TADPUNetBackbone


def word_tokens(backbone: TADPUNetBackbone, caption: str, word: str) -> List[int]:
    """Positions of a word's tokens in the prompt.

    Args:
        backbone (TADPUNetBackbone): With a prompt type that encodes captions.
        caption (str): The caption.
        word (str): A word or phrase of it; each occurrence counts.

    Returns:
        list[int]: Positions, the start-of-text token being 0.

    Raises:
        ValueError: If the caption has no such word, or the encoder cuts it off.
    """
    spans = [m.span() for m in re.finditer(rf'\b{re.escape(word)}\b', caption, re.IGNORECASE)]
    if not spans:
        raise ValueError(f'the caption has no word {word!r}: {caption!r}')
    encoder = backbone.prompt.text_encoder
    encoded = encoder.tokenizer(
        caption, truncation=True, max_length=encoder.max_length, return_offsets_mapping=True
    )
    positions = [
        position
        for position, (start, stop) in enumerate(encoded.offset_mapping)
        if any(start < end and begin < stop for begin, end in spans)
    ]
    if not positions:
        raise ValueError(
            f'{word!r} lies behind the {encoder.max_length} tokens that the text encoder reads'
        )
    return positions


def attention_of_words(
    model: nn.Module, image: np.ndarray, caption: str, words: Sequence[str]
) -> Dict[str, np.ndarray]:
    """Cross-attention maps of words.

    Args:
        model (nn.Module): Segmentor or detector with a ``TADPUNetBackbone``.
        image (np.ndarray): (H, W, 3) BGR in [0, 255].
        caption (str): Caption of the image.
        words (Sequence[str]): Words of the caption.

    Returns:
        dict[str, np.ndarray]: (H, W) float32 per word: attention probabilities, averaged over
        the resolutions whose maps the backbone returns, summed over the tokens of the word.

    Raises:
        ValueError: If the backbone has no maps, or the caption not all words.
    """
    (backbone,) = find_backbones(model).values()
    if backbone.prompt.meta_keys != ('caption',):
        raise ValueError(
            f'{type(backbone.prompt).__name__} does not read captions, so words of a caption '
            'have no attention maps; choose a config with CaptionPrompt'
        )
    positions = {word: word_tokens(backbone, caption, word) for word in words}
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
    with torch.no_grad():
        batch = model.data_preprocessor(dict(inputs=[pixels], data_samples=None), False)
        backbone.set_prompts([caption])
        maps = backbone.attention_maps(backbone(batch['inputs']))
    if not maps:
        raise ValueError('the backbone returns no attention maps: the config has use_attn=False')
    height, width = image.shape[:2]
    # A map's last row and column may reach beyond the image.
    scaled = [
        F.interpolate(m.float(), scale_factor=stride, mode='bilinear')[..., :height, :width]
        for stride, m in maps.items()
    ]
    mean = torch.stack(scaled).mean(0)[0].cpu().numpy()
    return {word: mean[tokens].sum(0) for word, tokens in positions.items()}
