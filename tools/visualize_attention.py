"""Draws where in an image the words of a caption are attended to.

python tools/visualize_attention.py CONFIG IMAGE --caption 'a dog on a sofa' --words dog sofa
"""

import argparse
import re
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import cv2
import mmcv
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn
from torch.nn import functional as F

from mmtadp.apis import init_model
from mmtadp.engine.hooks.caption_prompt_hook import find_backbones
from mmtadp.models import TADPUNetBackbone

MAX_DEFAULT_WORDS = 8
PANEL_WIDTH = 256
MARGIN = 12
FONT_SIZE = 14
LINE_HEIGHT = 19


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


def draw_attention(
    image: np.ndarray, caption: str, maps: Dict[str, np.ndarray], out_file: Path
) -> None:
    """Draw an image and one heat map per word beside it, under the caption.

    Each map is stretched from its own minimum to its own maximum; the range is printed above it.

    Args:
        image (np.ndarray): (H, W, 3) BGR in [0, 255].
        caption (str): The caption.
        maps (dict[str, np.ndarray]): From :func:`attention_of_words`.
        out_file (Path): PNG to write.
    """
    height, width = image.shape[:2]
    size = (PANEL_WIDTH, round(PANEL_WIDTH * height / width))
    panels = [('image', _resize(image, size))]
    grey = cv2.cvtColor(cv2.cvtColor(panels[0][1], cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    for word, values in maps.items():
        low, high = float(values.min()), float(values.max())
        level = np.uint8(255 * (values - low) / max(high - low, 1e-12))
        heat = cv2.applyColorMap(_resize(level, size), cv2.COLORMAP_INFERNO)
        blended = cv2.addWeighted(grey, 0.4, heat, 0.7, 0)
        panels.append((f'{word}  {low:.4f}..{high:.4f}', blended))
    save_sheet(panels, min(len(panels), 4), caption, out_file)


def _resize(image: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)


def save_sheet(
    panels: Sequence[Tuple[str, np.ndarray]], columns: int, title: str, out_file: Path
) -> None:
    """Write panels of one size in rows, each under its own text, all under a title.

    Args:
        panels (Sequence): (text, (H, W, 3) BGR image) pairs. Texts are wrapped.
        columns (int): Panels per row.
        title (str): Text above all; it is wrapped.
        out_file (Path): PNG to write.
    """
    font = ImageFont.load_default(size=FONT_SIZE)
    height, width = panels[0][1].shape[:2]
    total_width = columns * (width + MARGIN) + MARGIN
    heading = wrap_text(title, font, total_width - 2 * MARGIN)
    labels = [wrap_text(text, font, width) for text, _ in panels]
    label_height = LINE_HEIGHT * max(map(len, labels))
    row_height = label_height + height + MARGIN
    top = MARGIN + LINE_HEIGHT * len(heading)
    sheet = Image.new('RGB', (total_width, top + -(-len(panels) // columns) * row_height), 'white')
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN // 2), '\n'.join(heading), 'black', font)
    for index, (label, (_, image)) in enumerate(zip(labels, panels)):
        x = MARGIN + index % columns * (width + MARGIN)
        y = top + index // columns * row_height
        draw.text((x, y), '\n'.join(label), 'black', font)
        sheet.paste(Image.fromarray(image[..., ::-1]), (x, y + label_height))
    out_file.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out_file)


def wrap_text(text: str, font: ImageFont.ImageFont, width: int) -> List[str]:
    """Break a text into lines of at most ``width`` pixels."""
    lines = ['']
    for word in text.split():
        longer = f'{lines[-1]} {word}'.strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def default_words(model: nn.Module, caption: str) -> List[str]:
    """Class names that the caption mentions, or else its longer words."""
    classes = (getattr(model, 'dataset_meta', None) or {}).get('classes', ())
    words = re.findall(r'\w+', caption.lower())
    named = [name for name in classes if re.search(rf'\b{re.escape(name)}\b', caption.lower())]
    chosen = sorted(named, key=caption.lower().find) or [w for w in words if len(w) > 3]
    return list(dict.fromkeys(chosen))[:MAX_DEFAULT_WORDS]


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Draw cross-attention maps of words.')
    parser.add_argument('config', help='config file, of mmseg or mmdet')
    parser.add_argument('image', help='image file')
    parser.add_argument('--caption', required=True, help='caption of the image')
    parser.add_argument('--words', nargs='+', help='words of it; by default class names in it')
    parser.add_argument('--checkpoint', help='checkpoint; by default the pretrained U-Net')
    parser.add_argument('--short-side', type=int, help='resize the image to this many pixels')
    parser.add_argument('--out', default='attention.png', help='picture to write')
    parser.add_argument('--device', default='cpu')
    return parser


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Entry point."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    image = cv2.imread(args.image)
    if image is None:
        parser.error(f'{args.image} is not an image that can be read')
    if args.short_side:
        image = mmcv.imrescale(image, (args.short_side, 10**6))
    model = init_model(args.config, args.checkpoint, args.device)
    words = args.words or default_words(model, args.caption)
    try:
        maps = attention_of_words(model, image, args.caption, words)
    except ValueError as error:
        parser.error(str(error))
    draw_attention(image, args.caption, maps, Path(args.out))
    print(f'Wrote {args.out}: {", ".join(maps)}')


if __name__ == '__main__':
    main()
