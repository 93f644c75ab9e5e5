"""Means, spreads and verdicts."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np

from projects.claims.runs.confusion import SIZES
from projects.claims.runs.results_file import run_of
from projects.claims.runs.run_plan import VARIANTS

Value = Callable[[dict], float]

SHOWN, NOT_SHOWN, OPPOSITE = 'shown', 'not shown', 'opposite'
NOT_MEASURED = 'not measured yet'

METRICS = {
    'segmentation': ('mIoU', 1),
    'depth': ('rmse', 1),
    'detection': ('coco/bbox_mAP', 100),
}
"""Metric of each task in the results file, and the factor that gives the unit of the page."""

UNITS = {'segmentation': 'mIoU', 'depth': 'RMSE in m', 'detection': 'COCO AP'}
"""Unit of :func:`figure` by task."""

DIGITS = {'segmentation': 1, 'depth': 3, 'detection': 1}
"""Decimals of :func:`figure` by task."""

LOWER_IS_BETTER = {'depth'}


def figure(row: dict) -> float:
    """Return the metric of a run: mIoU in percent, RMSE in m or COCO AP in percent.

    Args:
        row (dict): A row of the results file.
    """
    name, factor = METRICS[row['task']]
    return factor * row['metrics'][name]


@dataclass(frozen=True)
class Cell:
    """Figures of one setting by seed.

    Attributes:
        values (dict[int, float]): Figure by seed.
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
        """Return, for example, ``20.1 ± 0.4 (3 seeds)``, or a dash without values."""
        if not self.values:
            return '–'
        spread = f' ± {self.spread:.{digits}f}' if self.count > 1 else ''
        seeds = f'{self.count} seeds' if self.count > 1 else 'one seed'
        # Adding zero turns -0.0 into 0.0.
        return f'{round(self.mean, digits) + 0.0:.{digits}f}{spread} ({seeds})'


class Results:
    """Results by setting.

    Args:
        rows (Mapping[str, dict]): Rows by key, as :meth:`.ResultsFile.rows` returns them.
    """

    def __init__(self, rows: Mapping[str, dict]) -> None:
        self.rows = dict(rows)
        self._by_setting: dict[tuple, dict[int, dict]] = {}
        for row in self.rows.values():
            run = run_of(row)
            setting = (run.config, run.labelled, run.blur)
            self._by_setting.setdefault(setting, {})[run.seed] = row

    def of(self, config: str, labelled: int | None = None, blur: int = 0) -> dict[int, dict]:
        """Return the rows of a setting by seed."""
        return dict(sorted(self._by_setting.get((config, labelled, blur), {}).items()))

    def cell(
        self,
        config: str,
        labelled: int | None = None,
        blur: int = 0,
        value: Value = figure,
    ) -> Cell:
        """Return the figures of a setting by seed.

        Args:
            config (str): Stem of its config.
            labelled (int, optional): See :class:`.Run`.
            blur (int): See :class:`.Run`.
            value (Callable): Returns the figure of a row.
        """
        rows = self.of(config, labelled, blur)
        return Cell({seed: value(row) for seed, row in rows.items()})

    def gain(self, better: str, worse: str, value: Value = figure, **setting) -> Cell:
        """Return the gain of one config over another, seed by seed.

        With the same seed, both have the same initial head and the same order of images, so
        differences are taken within seeds.

        Args:
            better (str): Stem of a config.
            worse (str): Stem of another config of the same task.
            value (Callable): Returns the figure of a row.
            setting: ``labelled`` and ``blur`` of both.

        Returns:
            Cell: Positive for seeds where ``better`` is better.
        """
        first, second = (
            self.cell(name, value=value, **setting).values for name in (better, worse)
        )
        sign = -1 if VARIANTS[better].task in LOWER_IS_BETTER else 1
        return Cell({s: sign * (first[s] - second[s]) for s in first if s in second})

    def reference_spread(self, task: str) -> float:
        """Return the median spread of a task's settings with several seeds; NaN without any."""
        cells = (
            self.cell(*setting)
            for setting in self._by_setting
            if VARIANTS[setting[0]].task == task
        )
        spreads = sorted(cell.spread for cell in cells if cell.count > 1)
        return spreads[len(spreads) // 2] if spreads else math.nan


def verdict(gain: Cell, reference: float, expects_gain: bool = True) -> str:
    """Return the verdict on a claim.

    With two or more seeds, a gain counts if its mean exceeds its standard deviation over seeds.
    With one seed, the standard deviation of a difference of two settings of this task replaces it:
    √2 times the median over the settings with several seeds, or 0 if there are none.

    Args:
        gain (Cell): Gain of the setting that is claimed to be better.
        reference (float): Result of :meth:`Results.reference_spread`.
        expects_gain (bool): False for a claim that there is no difference: such a claim is shown
            if the difference is within the spread, and otherwise not shown.

    Returns:
        str: :data:`SHOWN`, :data:`NOT_SHOWN`, :data:`OPPOSITE` or :data:`NOT_MEASURED`; with
        ``(one seed)`` appended if there is only one.
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
    """Return the sum of a row's matrices over sizes, (C, C)."""
    return sum(np.asarray(row['confusion'][size]) for size in SIZES)
