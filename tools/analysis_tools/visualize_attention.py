"""Draws where in an image the words of a caption are attended to.

python tools/analysis_tools/visualize_attention.py CONFIG IMAGE --caption 'a dog on a sofa' --words dog sofa
"""

import argparse
import re
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import cv2
import mmcv
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from mmtadp.apis import init_model
from mmtadp.apis.attention import attention_of_words

MAX_DEFAULT_WORDS = 8
PANEL_WIDTH = 256
MARGIN = 12
FONT_SIZE = 14
LINE_HEIGHT = 19


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
