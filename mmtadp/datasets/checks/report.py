"""What a check of a dataset finds, and what it counts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

# The levels of a finding. A run cannot be right with the first and stops, may be wrong with the
# second and warns, and is not affected by the third.
STOP, WARN, NOTE = 'stop', 'warn', 'note'
LEVELS = (STOP, WARN, NOTE)

# Kinds of findings, and how the report words them.
KINDS = {
    'empty': 'datasets without an image',
    'config': 'settings that do not fit together',
    'missing': 'files that do not exist',
    'unreadable': 'files that cannot be read',
    'size': 'images whose ground truth has another size',
    'orientation': 'images that EXIF turns, unlike their ground truth',
    'channels': 'masks or depth maps of several channels',
    'bits': 'masks whose labels do not fit into 8 bits',
    'labels': 'masks with labels outside the classes',
    'binary': 'masks of the values 0 and 255, of which 255 is ignored',
    'lossy': 'masks in a format that changes labels',
    'ignored': 'splits most of whose pixels are ignored',
    'absent': 'classes that never occur',
    'depth': 'depth maps without a valid pixel',
    'scale': 'depth maps of an implausible scale',
    'boxes': 'boxes that are empty or outside the image',
    'overhang': 'boxes that reach beyond the image',
    'classes': 'annotation files with other classes, or in another order, than the config',
    'foreign': 'objects of classes that the config does not have',
    'entries': 'annotated sizes that are not those of the image',
    'captions': 'problems of caption files',
    'unused': 'masks or depth maps without an image',
}


class Finding(NamedTuple):
    """One thing that is, or may be, wrong.

    Attributes:
        level (str): 'stop', 'warn' or 'note'.
        kind (str): A key of :data:`KINDS`.
        file (str): The file, or what else it is about.
        text (str): What was found and expected, and the way out; without the file's name.
    """

    level: str
    kind: str
    file: str
    text: str

    def __str__(self) -> str:
        return f'{self.file}: {self.text}'


@dataclass
class SplitReport:
    """The findings and counts of a split, or of the part of it that was looked at.

    Attributes:
        name (str): 'train', 'val' or 'test'.
        classes (tuple[str, ...]): Names of the classes, in the order of their labels.
        palette (list): RGB colour of each class, or empty.
        folders (list[str]): Where the images are.
        total (int): Number of images of the split.
        looked_at (int): Number of images that were looked at.
        findings (list[Finding]): In the order of the files.
        sizes (Counter): (height, width) as loaded -> images.
        modes (Counter): Format and mode of the files, such as 'JPEG RGB' -> images.
        label_pixels (Counter): Label -> pixels, after ``reduce_zero_label`` and ``label_map``.
        label_images (Counter): Label -> images with at least one pixel of it; for detection,
            with at least one box.
        label_boxes (Counter): Label -> boxes.
        truth (str): What the pipeline loads next to images: 'masks', 'boxes', 'depth' or nothing.
        ignored (int, optional): The label that is ignored, for masks.
        depth (list[tuple[float, float, float]]): Smallest, median and largest valid depth of each
            map, in metres as the pipeline scales them.
    """

    name: str
    classes: tuple[str, ...] = ()
    palette: list = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    total: int = 0
    looked_at: int = 0
    findings: list[Finding] = field(default_factory=list)
    sizes: Counter = field(default_factory=Counter)
    modes: Counter = field(default_factory=Counter)
    label_pixels: Counter = field(default_factory=Counter)
    label_images: Counter = field(default_factory=Counter)
    label_boxes: Counter = field(default_factory=Counter)
    truth: str = ''
    ignored: int | None = None
    depth: list[tuple[float, float, float]] = field(default_factory=list)

    def add(self, findings: Iterable[Finding]) -> None:
        """Add findings."""
        self.findings += findings

    def of_level(self, *levels: str) -> list[Finding]:
        """Return the findings of some levels."""
        return [finding for finding in self.findings if finding.level in levels]

    def ignored_share(self) -> float:
        """Return the share of pixels that are ignored, from 0 to 1."""
        pixels = sum(self.label_pixels.values())
        return self.label_pixels[self.ignored] / pixels if pixels else 0.0

    def absent_classes(self) -> list[int]:
        """Return the labels of the classes that occur in no mask, or have no box."""
        return [label for label in range(len(self.classes)) if not self.label_images[label]]

    def median_depth(self) -> float:
        """Return the median of the maps' medians, in metres."""
        return float(np.median([median for _, median, _ in self.depth]))
