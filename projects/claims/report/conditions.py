"""Gains over null text by condition: labelled scenes, object size, blur, class."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from projects.claims.runs.confusion import SIZES, class_iou, confusability, mean_iou
from projects.claims.runs.run_plan import BLURS, CAPTIONS, LABELLED, NULL, ORACLE, PROMPTS

from .statistics import Cell, Results, confusion_of


@dataclass(frozen=True)
class Point:
    """Gains under one condition.

    Attributes:
        at (str | int): The condition.
        cells (dict[str, Cell]): mIoU of null text, captions and oracle.
        gains (dict[str, Cell]): Gain of captions and oracle over null text, in points of mIoU.
    """

    at: str | int
    cells: dict[str, Cell]
    gains: dict[str, Cell]


def _point(results: Results, at: str | int, value: Callable | None = None, **setting) -> Point:
    more = {} if value is None else dict(value=value)
    gains = {name: results.gain(name, NULL, **more, **setting) for name in (CAPTIONS, ORACLE)}
    cells = {name: results.cell(name, **more, **setting) for name in PROMPTS}
    return Point(at, cells, gains)


def by_labelled(results: Results) -> Iterator[Point]:
    """Yield gains by the number of labelled scenes, including the configs' number."""
    rows = results.of(NULL)
    own = {row['training_scenes'] for row in rows.values()}
    numbers: dict[int, int | None] = {number: number for number in LABELLED}
    numbers.update({number: None for number in own})
    for number, labelled in sorted(numbers.items()):
        yield _point(results, number, labelled=labelled)


def by_size(results: Results) -> Iterator[Point]:
    """Yield gains by the size of the objects, in thirds of the test scenes."""
    for size in SIZES:
        yield _point(results, size, lambda row, size=size: mean_iou(row['confusion'][size]))


def by_blur(results: Results) -> Iterator[Point]:
    """Yield gains by the blur of the test images, in pixels."""
    for sigma in (0, *BLURS):
        yield _point(results, sigma, blur=sigma)


@dataclass(frozen=True)
class ClassGain:
    """Confusability of a class and gains of its IoU.

    Attributes:
        name (str): The class.
        confusability (float): Confusability under null text, in percent; see
            :func:`.confusability`.
        gains (dict[str, float]): Gain of captions and oracle over null text, in points of IoU.
    """

    name: str
    confusability: float
    gains: dict[str, float]


def by_class(results: Results) -> list[ClassGain]:
    """Return gains by the confusability of classes, from matrices summed over seeds.

    Returns:
        list[ClassGain]: The least confusable class first; empty if one of the three prompts has no
        results.
    """
    rows = {name: list(results.of(name).values()) for name in PROMPTS}
    if not all(rows.values()):
        return []
    matrices = {name: sum(map(confusion_of, found)) for name, found in rows.items()}
    taken = confusability(matrices[NULL])
    iou = {name: class_iou(matrix)[1:] for name, matrix in matrices.items()}
    names = rows[NULL][0]['classes'][1:]
    found = [
        ClassGain(
            name,
            float(taken[i]),
            {text: float(iou[text][i] - iou[NULL][i]) for text in (CAPTIONS, ORACLE)},
        )
        for i, name in enumerate(names)
        if np.isfinite([taken[i], *(iou[text][i] for text in iou)]).all()
    ]
    return sorted(found, key=lambda gain: gain.confusability)
