"""Sheets of examples, drawn by matplotlib."""

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import matplotlib.patches as patches
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, HPacker, TextArea, VPacker
from mmengine.config import Config

Colour = tuple[float, float, float]

NUM_EXAMPLES = 4
_PANEL = 2.3  # inches
_CAPTION_LINE = 0.22
_HEADING = 0.3
_GAP = 0.08
_DPI = 75
_CHARACTERS_PER_COLUMN = 28


def example_stems(cfg: Config, count: int = NUM_EXAMPLES) -> list[str]:
    """Return validation images at even steps through the set, whatever their results.

    Args:
        cfg (Config): Config of the demo.
        count (int): Number of images.
    """
    folder = Path(cfg.data_root) / 'images' / 'validation'
    stems = sorted(path.stem for path in folder.glob('*.png'))
    return stems[:: max(1, len(stems) // count)][:count]


def read_image(cfg: Config, stem: str) -> np.ndarray:
    """Return a validation image, (H, W, 3) BGR."""
    return cv2.imread(str(Path(cfg.data_root) / 'images' / 'validation' / f'{stem}.png'))


def class_colours(names: Sequence[str]) -> dict[str, Colour]:
    """Return a colour for each class; the first nine are the easiest to tell apart.

    Args:
        names (Sequence[str]): Names of classes, the most important ones first.
    """
    # Without grey, which is the background. 25 colours, for 24 classes.
    strong, light = (
        [plt.get_cmap('tab20')(i) for i in range(j, 20, 2) if i < 14 or i > 15] for j in (0, 1)
    )
    dark = [plt.get_cmap('tab20b')(i) for i in range(0, 20, 3)]
    colours = [colour[:3] for colour in strong + light + dark]
    return {name: colours[i % len(colours)] for i, name in enumerate(names)}


def draw_sheet(
    headings: Sequence[str],
    rows: Sequence[tuple[str, Sequence[Callable[[Axes], None]]]],
    colours: dict[str, Colour],
    note: str,
    out_file: Path,
    footer: float = 0.0,
    finish: Callable[[Figure, float], None] | None = None,
) -> None:
    """Write rows of panels, each row above its caption.

    Args:
        headings (Sequence[str]): Heading of each column.
        rows (Sequence): (caption, one function per column that draws its panel) pairs.
        colours (dict): Colours of the classes in the legend; captions name classes in them.
        note (str): Text below all.
        out_file (Path): PNG to write.
        footer (float): Inches for ``finish`` between the last row and the note.
        finish (Callable): Draws there, given the figure and the height of that space as a
            fraction of the figure's.
    """
    texts = [
        textwrap.wrap(f'“{caption}”', _CHARACTERS_PER_COLUMN * len(headings))
        for caption, _ in rows
    ]
    row_height = _PANEL + _CAPTION_LINE * max(map(len, texts)) + 0.08
    legend_columns = 2 * len(headings)
    legend_rows = -(-len(colours) // legend_columns)
    lines = textwrap.wrap(note, 32 * len(headings))
    below = footer + 0.25 * legend_rows + 0.19 * len(lines) + 0.2
    width = len(headings) * (_PANEL + _GAP) + _GAP
    height = _HEADING + len(rows) * row_height + below
    figure = plt.figure(figsize=(width, height), dpi=_DPI)
    for i, (text, (_, panels)) in enumerate(zip(texts, rows)):
        top = height - _HEADING - i * row_height
        for j, draw in enumerate(panels):
            left = _GAP + j * (_PANEL + _GAP)
            box = (left / width, (top - _PANEL) / height, _PANEL / width, _PANEL / height)
            axes = figure.add_axes(box)
            draw(axes)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if i == 0:
                axes.set_title(headings[j], fontsize=12, fontweight='bold', pad=5)
        position = (_GAP / width, (top - _PANEL - 0.05) / height)
        _write_caption(figure, text, colours, position)
    if colours:
        handles = [patches.Patch(color=colour, label=name) for name, colour in colours.items()]
        anchor = (0.5, (0.15 + 0.19 * len(lines)) / height)
        options = dict(
            ncols=legend_columns, frameon=False, fontsize=10, handlelength=1.2, columnspacing=1.2
        )
        figure.legend(handles=handles, loc='lower center', bbox_to_anchor=anchor, **options)
    figure.text(_GAP / width, 0.08 / height, '\n'.join(lines), fontsize=9, color='0.3')
    if finish:
        finish(figure, (below - footer) / height)
    out_file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out_file, pil_kwargs=dict(optimize=True))
    plt.close(figure)


def _write_caption(
    figure: Figure,
    caption: Sequence[str],
    colours: dict[str, Colour],
    position: tuple[float, float],
) -> None:
    """Write the lines of a caption at a position, with names of classes on their colour."""
    lines = []
    for line in caption:
        words = []
        for word in line.split():
            name = word.rstrip(',”')
            colour = colours.get(name.lstrip('“'))
            options = dict(fontsize=10)
            if colour is None:
                words.append(TextArea(word, textprops=options))
                continue
            shade = dict(facecolor=colour, edgecolor='none', pad=1.2)
            marked = dict(options, color=text_colour(colour), bbox=shade)
            parts = [TextArea(name, textprops=marked)]
            parts += [TextArea(word[len(name) :], textprops=options)]
            words.append(HPacker(children=parts, pad=0, sep=1.5, align='baseline'))
        lines.append(HPacker(children=words, pad=0, sep=4.5, align='baseline'))
    box = VPacker(children=lines, pad=0, sep=5, align='left')
    figure.add_artist(
        AnnotationBbox(
            box, position, xycoords='figure fraction', box_alignment=(0, 1), frameon=False, pad=0
        )
    )


def text_colour(colour: Colour) -> str:
    """Return the colour of text that is readable on ``colour``."""
    return 'black' if np.dot(colour, (0.3, 0.59, 0.11)) > 0.45 else 'white'


def show_image(image: np.ndarray) -> Callable[[Axes], None]:
    """Return a function that draws a (H, W, 3) BGR image."""
    return lambda axes: axes.imshow(image[..., ::-1], interpolation='lanczos')
