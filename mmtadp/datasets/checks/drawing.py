"""Draw the ground truth of a few images over them, for the eye."""

import os
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from mmtadp.captions import CaptionFileError, CaptionStore
from mmtadp.utils.atomic_files import write_file

from .caption_files import caption_setting
from .config_parts import Part
from .loading import find_loaders, load_depth, load_image, load_mask
from .report import NOTE, SplitReport
from .samples import label_rules

_COLUMNS = 2  # of pairs: the image, and its ground truth over it
_SIDE = 480  # pixels of an image's longer side in the drawing
_UNKNOWN = (255, 0, 255)  # colour of labels that are not a class


def draw_overlays(
    path: str | Path,
    title: str,
    reports: Sequence[SplitReport],
    parts: Mapping[str, Sequence[Part]],
    ignore: Mapping[str, tuple[int, str] | None],
    limit: int = 10,
) -> int:
    """Draw images, and next to each its ground truth over it, file name and caption.

    Images with findings come first, then others, evenly spaced over the splits.

    Args:
        path (str | Path): The picture, ``.png`` or ``.jpg``.
        title (str): The name of the config.
        reports (Sequence[SplitReport]): One for each split.
        parts (Mapping[str, Sequence[Part]]): The datasets of each split.
        ignore (Mapping[str, tuple | None]): The ignored label of each split.
        limit (int): Number of images. Defaults to 10.

    Returns:
        int: The number of images drawn; without any, no picture is written.
    """
    chosen = _choose(reports, parts, limit)
    if not chosen:
        return 0
    rows = -(-len(chosen) // _COLUMNS)
    figure = Figure(figsize=(16, 3.6 * rows + 1.2), layout='constrained')
    figure.suptitle(
        f'{title}: {len(chosen)} of {sum(r.total for r in reports):,} images. Left: the image as '
        'loaded. Right: its ground truth.',
        fontsize=13,
    )
    axes = figure.subplots(rows, 2 * _COLUMNS, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    shown: dict[str, tuple] = {}
    stores: dict[tuple, CaptionStore | None] = {}
    for place, (report, part, info) in enumerate(chosen):
        row, column = divmod(place, _COLUMNS)
        pair = axes[row, 2 * column : 2 * column + 2]
        _draw_caption(pair[0], part, info['img_path'], stores)
        shown |= _draw_sample(pair, report, part, info, ignore.get(report.name))
    if shown:
        order = {name: label for report in reports for label, name in enumerate(report.classes)}
        shown = dict(sorted(shown.items(), key=lambda item: order.get(item[0], len(order))))
        patches = [Patch(color=np.array(color) / 255, label=name) for name, color in shown.items()]
        figure.legend(handles=patches, loc='outside lower center', ncols=8, fontsize=9)
    target = Path(path)
    kind = 'jpg' if target.suffix.lower() in ('.jpg', '.jpeg') else 'png'
    write_file(target, lambda file: figure.savefig(file, format=kind, dpi=90))
    return len(chosen)


def _choose(
    reports: Sequence[SplitReport], parts: Mapping[str, Sequence[Part]], limit: int
) -> list[tuple[SplitReport, Part, dict]]:
    """Return the images to draw: up to half of them with findings."""
    flagged, others = [], []
    for report in reports:
        files = {f.file for f in report.findings if f.level != NOTE}
        keys = ('img_path', 'seg_map_path', 'depth_map_path', 'xml_path')
        plain = []
        for part in parts[report.name]:
            for info in part.infos():
                found = not files.isdisjoint(info.get(key) for key in keys)
                (flagged if found else plain).append((report, part, info))
        count = min(len(plain), -(-limit // len(reports)))
        others += [plain[i] for i in np.linspace(0, len(plain) - 1, count).astype(int)]
    flagged = flagged[: max(limit // 2, limit - len(others))]
    return [*flagged, *others][:limit]


def _draw_sample(
    pair: Sequence[Axes],
    report: SplitReport,
    part: Part,
    info: dict,
    ignore: tuple[int, str] | None,
) -> dict[str, tuple]:
    """Draw one image, and return the colours of the names that are in it."""
    loaders = find_loaders(part.dataset.pipeline)
    path = info['img_path']
    root = os.path.abspath(getattr(part.dataset, 'data_root', None) or os.path.dirname(path))
    name = os.path.relpath(path, root)
    pair[0].set_title(f'{report.name}: {name}', fontsize=9, loc='left')
    problems = [f.kind for f in report.findings if f.level != NOTE and _is_about(f.file, info)]
    if problems:
        text = ', '.join(dict.fromkeys(problems))
        pair[1].set_title(f'found: {text}', fontsize=9, loc='right', color='crimson')
    try:
        image = load_image(info, loaders.image).pixels
    except Exception as error:  # reported already; the others are drawn
        pair[0].text(0, 0.5, f'cannot be read: {error}'[:80], transform=pair[0].transAxes)
        return {}
    scale = min(1.0, _SIDE / max(image.shape[:2]))
    image = _resized(_rgb(image), scale)
    pair[0].imshow(image)
    try:
        if loaders.mask is not None and info.get('seg_map_path'):
            rules = label_rules(part.dataset, loaders, ignore)
            values, _ = load_mask(info['seg_map_path'], loaders.mask)
            return _draw_mask(pair[1], image, values, rules, report)
        if loaders.depth is not None and info.get('depth_map_path'):
            values = load_depth(info['depth_map_path'], loaders.depth)
            return _draw_depth(pair[1], values, loaders.depth.depth_rescale_factor)
        if loaders.boxes is not None:
            return _draw_boxes(pair[1], image, info, report, scale)
    except Exception as error:  # reported already
        pair[1].text(0, 0.5, f'cannot be drawn: {error}'[:80], transform=pair[1].transAxes)
    return {}


def _is_about(file: str, info: dict) -> bool:
    keys = ('img_path', 'seg_map_path', 'depth_map_path', 'xml_path')
    return file in [info.get(key) for key in keys]


def _draw_caption(axis: Axes, part: Part, path: str, stores: dict) -> None:
    for loader in part.caption_loaders()[:1]:
        setting = files, key, missing = caption_setting(loader)
        if setting not in stores:
            try:
                stores[setting] = CaptionStore.load(list(files), key, missing == 'null')
            except (CaptionFileError, OSError, ValueError):  # reported already
                stores[setting] = None
        found = stores[setting].find(path) if stores[setting] is not None else []
        caption = f'caption: {found[0]}' if found else 'no caption'
        text = '\n'.join(textwrap.wrap(caption, 62)[:3])
        axis.text(0, -0.03, text, transform=axis.transAxes, fontsize=8, va='top')


def _rgb(image: np.ndarray) -> np.ndarray:
    """Return an image as (H, W, 3), RGB, uint8, from what a loader gives."""
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    image = image[..., 2::-1] if image.shape[2] >= 3 else image[..., :1].repeat(3, axis=2)
    if image.dtype != np.uint8:
        image = image.astype(np.float32)
        image = (255 * (image - image.min()) / max(np.ptp(image), 1e-6)).astype(np.uint8)
    return np.ascontiguousarray(image)


def _resized(image: np.ndarray, scale: float, method: int = cv2.INTER_AREA) -> np.ndarray:
    if scale == 1.0:
        return image
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=method)


def class_colors(report: SplitReport) -> list[tuple[int, ...]]:
    """Return an RGB colour for each class: the dataset's palette, or colours that differ."""
    count = len(report.classes)
    if len(report.palette) == count:
        return [tuple(color) for color in report.palette]
    if count <= 20:
        colors = [colormaps['tab20'](label) for label in range(count)]
    else:
        colors = [colormaps['hsv'](step) for step in np.linspace(0, 1, count, endpoint=False)]
    return [tuple(round(255 * part) for part in color[:3]) for color in colors]


def _draw_mask(axis: Axes, image, values, rules, report) -> dict[str, tuple]:
    if values.ndim != 2:
        values = values[..., 0]
    labels = rules.labels_of_values()[values.astype(np.uint8)]
    scale = _SIDE / max(labels.shape)
    labels = _resized(labels.astype(np.uint8), min(1.0, scale), cv2.INTER_NEAREST)
    colors = np.full((256, 3), _UNKNOWN)
    named = class_colors(report)
    colors[: len(named)] = np.reshape(named, (-1, 3))
    colors[rules.ignore_index] = 0
    overlay = colors[labels]
    # A mask of another size is drawn from the same corner, so that the difference is visible.
    shown = overlay.astype(np.float32)
    height, width = (min(sides) for sides in zip(image.shape[:2], labels.shape, strict=True))
    grey = image[:height, :width].mean(axis=2, keepdims=True)
    shown[:height, :width] = 0.6 * shown[:height, :width] + 0.4 * grey
    axis.imshow(shown.clip(0, 255).astype(np.uint8))
    names = {}
    for label in np.unique(labels).tolist():
        if label == rules.ignore_index:
            names[f'ignored ({label})'] = (0, 0, 0)
        elif label < len(named):
            names[report.classes[label]] = named[label]
        else:
            names[f'{label}, not a class'] = _UNKNOWN
    return names


def _draw_depth(axis: Axes, values: np.ndarray, factor: float) -> dict[str, tuple]:
    depth = values.astype(np.float32) * factor
    invalid = ~np.isfinite(depth) | (depth <= 0)
    colors = colormaps['viridis_r'].with_extremes(bad='black')
    shown = axis.imshow(np.ma.array(depth, mask=invalid), cmap=colors)
    bar = axis.figure.colorbar(shown, ax=axis, fraction=0.04)
    bar.set_label('metres', fontsize=8)
    return {'no valid depth': (0, 0, 0)} if invalid.any() else {}


def _draw_boxes(axis: Axes, image, info: dict, report, scale: float) -> dict[str, tuple]:
    axis.imshow(image)
    colors = class_colors(report)
    names = {}
    for instance in info.get('instances', ()):
        label = instance['bbox_label']
        x1, y1, x2, y2 = (scale * side for side in instance['bbox'])
        color = np.array(colors[label]) / 255
        style = ':' if instance.get('ignore_flag') else '-'
        box = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color=color, lw=2, ls=style)
        axis.add_patch(box)
        name = report.classes[label]
        axis.text(
            x1,
            y1,
            name,
            fontsize=7,
            color='white',
            va='bottom',
            bbox={'facecolor': color, 'pad': 1, 'lw': 0},
        )
        names[name] = colors[label]
        if instance.get('ignore_flag'):
            names['dotted: ignored'] = (127, 127, 127)
    return names
