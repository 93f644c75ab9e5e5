"""Means, spreads and verdicts."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np

from projects.claims.runs.confusion import SIZES
from projects.claims.runs.results_file import run_of
from projects.claims.runs.run_plan import Run

Value = Callable[[dict], float]

SHOWN, NOT_SHOWN, OPPOSITE = 'shown', 'not shown', 'opposite'
NOT_MEASURED = 'not measured yet'

METRICS = {
    'segmentation': ('mIoU', 1),
    'depth': ('rmse', 1),
    'detection': ('coco/bbox_mAP', 100),
}
"""The figure of each task in the raw results, and what it is multiplied with."""

LOWER_IS_BETTER = {'depth'}


def figure(row: dict) -> float:
    """The figure of a run by which its task is judged: mIoU in percent, RMSE in m, AP in percent.

    Args:
        row (dict): Of the raw results.

    Returns:
        float: The figure.
    """
    name, factor = METRICS[row['task']]
    return factor * row['metrics'][name]


@dataclass(frozen=True)
class Cell:
    """Figures of one setting by seed.

    Attributes:
        values (dict[int, float]): By seed.
    """

    values: Mapping[int, float]

    @property
    def count(self) -> int:
        """Number of seeds."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Mean over seeds; NaN without any."""
        return mean(self.values.values()) if self.values else math.nan

    @property
    def spread(self) -> float:
        """Sample standard deviation over seeds; NaN with fewer than two."""
        return stdev(self.values.values()) if self.count > 1 else math.nan

    def text(self, digits: int = 1) -> str:
        """Such as ``20.1 ± 0.4 (3 seeds)``, or a dash."""
        if not self.values:
            return '–'
        spread = f' ± {self.spread:.{digits}f}' if self.count > 1 else ''
        seeds = f'{self.count} seeds' if self.count > 1 else 'one seed'
        # Adding zero leaves no -0.0.
        return f'{round(self.mean, digits) + 0.0:.{digits}f}{spread} ({seeds})'


class Results:
    """The raw results, by setting.

    Args:
        rows (Mapping[str, dict]): As :meth:`.ResultsFile.rows` gives them.
    """

    def __init__(self, rows: Mapping[str, dict]) -> None:
        self.rows = dict(rows)
        self._by_setting: dict[tuple, dict[int, dict]] = {}
        for row in self.rows.values():
            run = run_of(row)
            setting = (run.config, run.labelled, run.blur)
            self._by_setting.setdefault(setting, {})[run.seed] = row

    def of(self, config: str, labelled: int | None = None, blur: int = 0) -> dict[int, dict]:
        """Rows of a setting by seed."""
        return dict(sorted(self._by_setting.get((config, labelled, blur), {}).items()))

    def cell(
        self,
        config: str,
        labelled: int | None = None,
        blur: int = 0,
        value: Value = figure,
    ) -> Cell:
        """Figures of a setting.

        Args:
            config (str): Stem of its config.
            labelled (int, optional): As in :class:`.Run`.
            blur (int): As in :class:`.Run`.
            value (Callable): Makes a number of a row.

        Returns:
            Cell: By seed.
        """
        rows = self.of(config, labelled, blur)
        return Cell({seed: value(row) for seed, row in rows.items()})

    def gain(self, better: str, worse: str, value: Value = figure, **setting) -> Cell:
        """By how much one config is better than another, seed by seed.

        Both have the same initial head and the same order of images under a seed, so differences
        are taken within seeds.

        Args:
            better (str): Stem of a config.
            worse (str): Of another one of the same task.
            value (Callable): Makes a number of a row.
            setting: ``labelled`` and ``blur`` of both.

        Returns:
            Cell: Positive where ``better`` is better.
        """
        first, second = (
            self.cell(name, value=value, **setting).values for name in (better, worse)
        )
        sign = -1 if Run(better, 0).task in LOWER_IS_BETTER else 1
        return Cell({s: sign * (first[s] - second[s]) for s in first if s in second})

    def reference_spread(self, task: str) -> float:
        """Median spread over seeds of a task's settings that have two or more; NaN if none has."""
        cells = (
            self.cell(*setting) for setting in self._by_setting if Run(setting[0], 0).task == task
        )
        spreads = sorted(cell.spread for cell in cells if cell.count > 1)
        return spreads[len(spreads) // 2] if spreads else math.nan


def verdict(gain: Cell, reference: float, expects_gain: bool = True) -> str:
    """What a difference says of a claim.

    With two seeds or more: a gain is one if its mean is larger than its standard deviation over
    seeds. With one seed the standard deviation is taken to be that of a difference of two settings
    of this task, √2 times the median over those that have several seeds, and 0 if none has.

    Args:
        gain (Cell): By how much what is claimed to be better is better.
        reference (float): As of :meth:`Results.reference_spread`.
        expects_gain (bool): False for a claim that there is no difference: such a claim is shown
            where the difference is within the spread, and else not shown.

    Returns:
        str: :data:`SHOWN`, :data:`NOT_SHOWN`, :data:`OPPOSITE` or :data:`NOT_MEASURED`; with a
        remark if there is one seed only.
    """
    if not gain.count:
        return NOT_MEASURED
    spread = gain.spread
    if gain.count == 1:
        spread = 0.0 if math.isnan(reference) else math.sqrt(2) * reference
    if not expects_gain:
        found = SHOWN if abs(gain.mean) <= spread else NOT_SHOWN
    elif abs(gain.mean) <= spread:
        found = NOT_SHOWN
    else:
        found = SHOWN if gain.mean > 0 else OPPOSITE
    return found if gain.count > 1 else f'{found} (one seed)'


def confusion_of(row: dict) -> np.ndarray:
    """Sum of a row's matrices over sizes, (C, C)."""
    return sum(np.asarray(row['confusion'][size]) for size in SIZES)
