"""Compare a mask or a depth map with its image and the classes."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .loading import TURNS, LoadedImage
from .report import STOP, WARN, Finding

LOSSY = ('JPEG', 'WEBP', 'GIF')
_NUM_VALUES = 256  # labels are narrowed to 8 bits


class LabelRules(NamedTuple):
    """How a dataset and a pipeline read the values of masks.

    Attributes:
        num_classes (int, optional): Labels are 0 to ``num_classes - 1``. None: unknown.
        ignore_index (int): The label that is ignored.
        ignore_source (str): The setting that ``ignore_index`` comes from, for messages.
        reduce_zero_label (bool): The loader makes 0 ignored and subtracts 1 from the others.
        label_map (dict[int, int], optional): The loader replaces these labels.
    """

    num_classes: int | None
    ignore_index: int = 255
    ignore_source: str = 'ignore_index of the dataset'
    reduce_zero_label: bool = False
    label_map: dict[int, int] | None = None

    def labels_of_values(self) -> np.ndarray:
        """Return the label of each value from 0 to 255, as mmseg's loader makes it."""
        labels = np.arange(_NUM_VALUES)
        if self.reduce_zero_label:
            labels = labels - 1
            labels[0] = labels[-1] = 255
        if self.label_map:
            before = labels.copy()
            for old, new in self.label_map.items():
                labels[before == old] = new
        return labels

    def expected(self) -> str:
        """Return the labels that a mask may have, for messages."""
        classes = f'labels 0 to {self.num_classes - 1} of the {self.num_classes} classes'
        if self.reduce_zero_label:
            classes += ' (after reduce_zero_label, which subtracts 1)'
        return f'{classes}, or {self.ignore_index} for ignored pixels ({self.ignore_source})'


def describe_size(size: tuple[int, int]) -> str:
    """Return a height and width as words."""
    return f'{size[0]} x {size[1]} pixels (height x width)'


def compare_sizes(
    image: LoadedImage, path: str, truth: tuple[int, int], truth_path: str, what: str
) -> Iterator[Finding]:
    """Yield what is wrong with the size of a mask or depth map, or the orientation of its image.

    Args:
        image (LoadedImage): The image.
        path (str): Its file.
        truth (tuple[int, int]): Height and width of the mask or depth map.
        truth_path (str): Its file.
        what (str): 'mask' or 'depth map'.
    """
    turn = TURNS.get(image.orientation)
    if truth != image.size:
        text = (
            f'the {what} has {describe_size(truth)}, its image {path} {describe_size(image.size)}'
        )
        if image.turned and truth == image.stored:
            text += (
                f' because of its EXIF orientation {image.orientation}: the image is {turn} when '
                f"it is loaded, the {what} is not. Set color_type='color_ignore_orientation' in "
                f'LoadImageFromFile if the {what} fits the pixels as stored, or turn the {what}'
            )
        yield Finding(STOP, 'size', truth_path, f'{text}. Expected equal sizes.')
    elif image.turned and image.stored == image.size:
        yield Finding(
            WARN,
            'orientation',
            path,
            f'has the EXIF orientation {image.orientation}, so it is {turn} when it is loaded; '
            f'the {what} {truth_path} is not, and fits in size either way. Look whether they '
            f"agree; if not, set color_type='color_ignore_orientation' in LoadImageFromFile.",
        )


def check_mask(
    values: np.ndarray, file_format: str, path: str, rules: LabelRules
) -> tuple[list[Finding], Counter]:
    """Check the values of a mask.

    Args:
        values (np.ndarray): As decoded, (H, W) or with channels.
        file_format (str): Pillow's name of the file's format.
        path (str): The file.
        rules (LabelRules): How its values are read.

    Returns:
        tuple[list[Finding], Counter]: What is wrong, and the pixels of each label (after
        ``reduce_zero_label`` and ``label_map``); no counts if the labels cannot be told.
    """
    if values.ndim != 2:
        text = (
            f'has {values.shape[-1]} channels; expected one, whose values are the labels. Convert '
            'colours to labels, or take the first channel if all are equal.'
        )
        return [Finding(STOP, 'channels', path, text)], Counter()
    findings = []
    if file_format in LOSSY:
        text = f'is a {file_format} file, which changes labels at edges; save masks as PNG.'
        findings.append(Finding(WARN, 'lossy', path, text))
    if values.dtype != np.uint8 and values.dtype != bool:
        wrong = _not_8_bit(values)
        if wrong:
            text = (
                f'has {wrong} in {values.dtype}; mmseg takes labels modulo 256, so 256 becomes '
                '0. Expected whole numbers from 0 to 255: save the labels as 8-bit PNG.'
            )
            findings.append(Finding(STOP, 'bits', path, text))
            return findings, Counter()
    counts = np.bincount(values.ravel().astype(np.uint8), minlength=_NUM_VALUES)
    labels = rules.labels_of_values()
    pixels = Counter()
    for value in np.flatnonzero(counts).tolist():
        pixels[int(labels[value])] += int(counts[value])
    findings += _check_labels(pixels, counts, path, rules)
    return findings, pixels


def _not_8_bit(values: np.ndarray) -> str:
    """Return values that an 8-bit label cannot have, as words."""
    if np.issubdtype(values.dtype, np.floating) and not np.all(values == np.trunc(values)):
        return (
            f'values that are not whole numbers, such as {values[values != np.trunc(values)][0]}'
        )
    low, high = values.min(), values.max()
    return f'values from {low} to {high}' if low < 0 or high >= _NUM_VALUES else ''


def _check_labels(
    pixels: Counter, counts: np.ndarray, path: str, rules: LabelRules
) -> Iterator[Finding]:
    if rules.num_classes is None:
        return
    total = sum(pixels.values())
    beyond = sorted(
        label for label in pixels if label >= rules.num_classes and label != rules.ignore_index
    )
    values = np.flatnonzero(counts).tolist()
    if beyond:
        share = sum(pixels[label] for label in beyond) / total
        shown = ', '.join(map(str, beyond[:10])) + (', ...' if len(beyond) > 10 else '')
        text = f'has label {shown} in {share:.1%} of its pixels; expected {rules.expected()}.'
        if values in ([0, 255], [255]):
            text += ' The mask has the values 0 and 255 only: write 1 instead of 255.'
        yield Finding(STOP, 'labels', path, text)
    elif values == [0, 255] and pixels[rules.ignore_index] and rules.num_classes > 1:
        share = pixels[rules.ignore_index] / total
        text = (
            f'has the values 0 and 255 only, and 255 is ignored ({rules.ignore_source}): '
            f'{share:.0%} of its pixels. If 255 marks a class, write its label instead, such as 1.'
        )
        yield Finding(WARN, 'binary', path, text)


def check_depth(
    values: np.ndarray, path: str, factor: float
) -> tuple[list[Finding], tuple[float, float, float] | None]:
    """Check the values of a depth map.

    Args:
        values (np.ndarray): As decoded.
        path (str): The file.
        factor (float): The loader's ``depth_rescale_factor``.

    Returns:
        tuple[list[Finding], tuple | None]: What is wrong, and the smallest, median and largest
        valid depth in metres, None if there is none. Valid are finite values above 0.
    """
    if values.ndim != 2:
        text = f'has {values.shape[-1]} channels; expected one, the depth of each pixel.'
        return [Finding(STOP, 'channels', path, text)], None
    findings = []
    valid = values[np.isfinite(values) & (values > 0)].astype(np.float64) * factor
    if not valid.size:
        text = 'has no valid pixel (finite and above 0), so nothing is learned from its image.'
        return [Finding(WARN, 'depth', path, text)], None
    depth = float(valid.min()), float(np.median(valid)), float(valid.max())
    if values.dtype == np.uint8 and factor <= 1e-2:
        text = (
            f'has 8 bits, so with depth_rescale_factor={factor} its depths end at '
            f'{255 * factor:.3g}, and are {depth[0]:.3g} to {depth[2]:.3g}. Expected 16 bits for '
            'millimetres, or the factor of these files.'
        )
        findings.append(Finding(WARN, 'scale', path, text))
    elif (values < 0).any():
        text = f'has values below 0, from {values.min():.4g}; they are not valid depths.'
        findings.append(Finding(WARN, 'scale', path, text))
    return findings, depth
