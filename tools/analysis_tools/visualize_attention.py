"""Draw where in an image the words of a caption are attended to.

python tools/analysis_tools/visualize_attention.py CONFIG IMAGE --caption 'a dog on a sofa'
"""

import argparse
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import Parser, device, existing_file, new_file, positive  # noqa: E402

if TYPE_CHECKING:
    from torch import nn

MAX_DEFAULT_WORDS = 8
PANELS_PER_ROW = 4
PANEL_WIDTH = 2.6  # inches
DPI = 90


def draw_attention(
    image: np.ndarray, caption: str, maps: dict[str, np.ndarray], out_file: Path
) -> None:
    """Draw an image and, next to it, one heat map per word, below the caption.

    Each map has its own scale, from its minimum to its maximum; both are in its title.

    Args:
        image (np.ndarray): (H, W, 3) BGR in [0, 255].
        caption (str): The caption.
        maps (dict[str, np.ndarray]): From :func:`mmtadp.apis.attention.attention_of_words`.
        out_file (Path): PNG to write.

    Raises:
        ValueError: If its suffix is not one of a picture.
    """
    import matplotlib.pyplot as plt

    from mmtadp.utils.atomic_files import write_file

    rgb = image[..., ::-1]
    grey = rgb.mean(axis=-1) / 255
    rows = -(-(len(maps) + 1) // PANELS_PER_ROW)
    columns = -(-(len(maps) + 1) // rows)
    lines = textwrap.wrap(f'“{caption}”', 26 * columns)
    panel_height = PANEL_WIDTH * image.shape[0] / image.shape[1] + 0.5
    top = 0.1 + 0.2 * len(lines)
    height = top + rows * panel_height + 0.3
    figure = plt.figure(figsize=(columns * PANEL_WIDTH, height), dpi=DPI)
    grid = figure.add_gridspec(
        *(rows, columns),
        left=0.01,
        right=0.99,
        wspace=0.04,
        top=1 - (top + 0.45) / height,
        bottom=0.35 / height,
        hspace=0.5 / (panel_height - 0.5),
    )
    figure.text(0.01, 1 - 0.1 / height, '\n'.join(lines), fontsize=11, va='top')
    for index, word in enumerate([None, *maps]):
        axes = figure.add_subplot(grid[index // columns, index % columns])
        axes.axis('off')
        if word is None:
            axes.imshow(rgb, interpolation='lanczos')
            axes.set_title('image', fontsize=10, fontweight='bold')
            continue
        values = maps[word]
        low, high = float(values.min()), float(values.max())
        level = (values - low) / max(high - low, 1e-12)
        heat = plt.get_cmap('inferno')(level)[..., :3]
        axes.imshow(np.clip(0.3 * grey[..., None] + 0.75 * heat, 0, 1), interpolation='lanczos')
        axes.set_title(word, fontsize=10, fontweight='bold', pad=17)
        axes.text(
            *(0.5, 1.02),
            f'{low:.3f} (dark) to {high:.3f} (bright)',
            fontsize=8,
            ha='center',
            va='bottom',
            transform=axes.transAxes,
        )
    note = 'Attention probability of each word, mean over layers. Each panel has its own scale.'
    figure.text(0.01, 0.1 / height, note, fontsize=8, color='0.3')
    try:
        write_file(out_file, figure.savefig)
    finally:
        plt.close(figure)


def default_words(model: 'nn.Module', caption: str) -> list[str]:
    """Return class names that the caption mentions, or else its longer words."""
    classes = (getattr(model, 'dataset_meta', None) or {}).get('classes', ())
    words = re.findall(r'\w+', caption.lower())
    named = [name for name in classes if re.search(rf'\b{re.escape(name)}\b', caption.lower())]
    chosen = sorted(named, key=caption.lower().find) or [w for w in words if len(w) > 3]
    return list(dict.fromkeys(chosen))[:MAX_DEFAULT_WORDS]


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description='Draw cross-attention maps of words.')
    parser.add_argument('config', help='config file, of mmseg or mmdet')
    parser.add_argument('image', type=existing_file, help='image file')
    parser.add_argument('--caption', required=True, help='caption of the image')
    parser.add_argument(
        '--words', nargs='+', help='words of the caption (default: class names in it)'
    )
    parser.add_argument('--checkpoint', help='checkpoint (default: the pretrained U-Net)')
    parser.add_argument('--short-side', type=positive, help='resize the image to this many pixels')
    parser.add_argument('--out', type=new_file, default='attention.png', help='PNG to write')
    parser.add_argument('--device', type=device, default='cpu')
    return parser


def visualize(args: argparse.Namespace) -> None:
    """Draw what the command line asks for.

    Raises:
        RunError: If config, checkpoint, image, caption or words do not fit together.
    """
    import cv2
    import mmcv

    from mmtadp.apis import init_model
    from mmtadp.apis.attention import attention_of_words
    from mmtadp.utils import launch
    from mmtadp.utils.config_files import read_config
    from mmtadp.utils.errors import RunError

    config = read_config(args.config, required=['model.backbone'])
    if args.checkpoint:
        launch.check_checkpoint(args.checkpoint)
    try:
        image = cv2.imread(args.image)
    except cv2.error:  # more pixels than OpenCV reads
        image = None
    if image is None:
        raise RunError(f'{args.image} is not an image that can be read.')
    if args.short_side:
        image = mmcv.imrescale(image, (args.short_side, 10**6))
    try:
        model = init_model(config, args.checkpoint, args.device)
        words = args.words or default_words(model, args.caption)
        maps = attention_of_words(model, image, args.caption, words)
        draw_attention(image, args.caption, maps, Path(args.out))
    except ValueError as error:
        raise RunError(str(error)) from error
    print(f'Wrote {args.out}: {", ".join(maps)}')


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw as the command line asks, and return the exit code."""
    args = make_parser().parse_args(arguments)
    # After the arguments, since this import takes seconds.
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: visualize(args))


if __name__ == '__main__':
    sys.exit(main())
