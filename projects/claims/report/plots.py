"""Plots of the results."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from projects.claims.runs.run_plan import (
    CAPTIONS,
    DEPTH,
    DETECTION,
    LEVELS,
    MODIFIERS,
    NO_LATENT_SCALING,
    ORACLE,
    PROMPTS,
    SCRATCH,
    TARGETS,
    TEXTS,
    VARIANTS,
    cross_domain_config,
    oracle_config,
)

from .conditions import Point, by_blur, by_class, by_labelled, by_size
from .statistics import DIGITS, UNITS, Results

_COLOURS = {CAPTIONS: 'tab:blue', ORACLE: 'tab:orange'}
_NAMED = 2  # points of IoU above which a plot names a class


def draw_plots(results: Results, folder: Path) -> dict[str, str]:
    """Draw all plots that have results.

    Args:
        results (Results): The results.
        folder (Path): Folder of the PNG files.

    Returns:
        dict[str, str]: Caption of each plot by file name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for name, text, draw in (
        ('prompts.png', 'Claims 1 to 3: mIoU; bars are means over seeds.', _draw_prompts),
        ('oracle.png', 'Claim 4: mIoU by precision and recall of the oracle.', _draw_grid),
        ('tasks.png', 'Claim 5: depth and detection.', _draw_tasks),
        ('domains.png', 'Claim 6: mIoU of the target domains by modifier.', _draw_domains),
        ('learning_curve.png', 'mIoU by number of labelled scenes.', _draw_curve),
        ('conditions.png', 'Gain over null text by condition.', _draw_conditions),
        ('classes.png', 'Gain over null text by confusability of the class.', _draw_classes),
    ):
        figure = Figure(figsize=(9, 4), dpi=100, layout='constrained')
        # The user's style must not change the plots.
        with matplotlib.rc_context(matplotlib.rcParamsDefault):
            if draw(results, figure):
                figure.savefig(folder / name, metadata={'Software': None})
                drawn[name] = text
    return drawn


def _bars(results: Results, axes, configs: Sequence[str]) -> bool:
    configs = [config for config in configs if results.of(config)]
    cells = [results.cell(config) for config in configs]
    if not cells:
        axes.set_axis_off()
        return False
    task = VARIANTS[configs[0]].task
    places = np.arange(len(cells))[::-1]
    spreads = [cell.spread if cell.count > 1 else 0 for cell in cells]
    oracles = [VARIANTS[config].text == 'oracle' for config in configs]
    colours = ['tab:orange' if is_oracle else 'tab:blue' for is_oracle in oracles]
    axes.barh(places, [cell.mean for cell in cells], xerr=spreads, color=colours, capsize=3)
    axes.set_yticks(places, [VARIANTS[config].label for config in configs], fontsize=8)
    for place, cell in zip(places, cells):
        axes.text(0, place, f' {cell.mean:.{DIGITS[task]}f}', va='center', fontsize=8)
    axes.set_xlabel(UNITS[task])
    return True


def _draw_prompts(results: Results, figure: Figure) -> bool:
    return _bars(results, figure.subplots(), (SCRATCH, NO_LATENT_SCALING, *TEXTS))


def _draw_tasks(results: Results, figure: Figure) -> bool:
    pairs = zip(figure.subplots(1, 2), (DEPTH, DETECTION))
    return any([_bars(results, axes, configs) for axes, configs in pairs])


def _draw_domains(results: Results, figure: Figure) -> bool:
    configs = ([cross_domain_config(m, target) for m in MODIFIERS] for target in TARGETS)
    return any([_bars(results, a, names) for a, names in zip(figure.subplots(1, 2), configs)])


def _draw_grid(results: Results, figure: Figure) -> bool:
    grid = [[results.cell(oracle_config(p, r)).mean for r in LEVELS] for p in LEVELS]
    if np.isnan(grid).all():
        return False
    axes = figure.subplots()
    image = axes.imshow(grid, origin='lower')
    shares = [f'{level / 100:.2f}' for level in LEVELS]
    axes.set_xticks(range(len(LEVELS)), shares)
    axes.set_yticks(range(len(LEVELS)), shares)
    axes.set_xlabel('recall')
    axes.set_ylabel('precision')
    for row, values in enumerate(grid):
        for column, value in enumerate(values):
            if not np.isnan(value):
                box = dict(facecolor='white', alpha=0.7, linewidth=0)
                axes.text(column, row, f'{value:.1f}', ha='center', va='center', bbox=box)
    figure.colorbar(image, label='mIoU')
    return True


def _draw_curve(results: Results, figure: Figure) -> bool:
    axes = figure.subplots()
    drawn = False
    points = list(by_labelled(results))
    for config in PROMPTS:
        values = [(p.at, p.cells[config].mean) for p in points if p.cells[config].count]
        if values:
            axes.plot(*zip(*values), marker='o', label=VARIANTS[config].label)
            drawn = True
    if drawn:
        axes.set_xscale('log')
        axes.set_xticks([p.at for p in points], [str(p.at) for p in points])
        axes.minorticks_off()
        axes.set_xlabel('labelled scenes')
        axes.set_ylabel('mIoU')
        axes.legend()
    return drawn


def _draw_conditions(results: Results, figure: Figure) -> bool:
    drawn = [
        _gains(axes, points, label)
        for axes, points, label in zip(
            figure.subplots(1, 3, sharey=True),
            (by_labelled(results), by_size(results), by_blur(results)),
            ('labelled scenes', 'objects', 'blur of test images, σ in pixels'),
        )
    ]
    if any(drawn):
        figure.axes[0].set_ylabel('points of mIoU over null text')
        figure.axes[drawn.index(True)].legend(fontsize=8)
    return any(drawn)


def _gains(axes, points: Iterable[Point], label: str) -> bool:
    points = list(points)
    drawn = False
    for config, colour in _COLOURS.items():
        found = [(i, p.gains[config]) for i, p in enumerate(points) if p.gains[config].count]
        if found:
            places, cells = zip(*found)
            spreads = [cell.spread if cell.count > 1 else 0 for cell in cells]
            means = [cell.mean for cell in cells]
            axes.errorbar(
                places,
                means,
                spreads,
                marker='o',
                capsize=3,
                color=colour,
                label=VARIANTS[config].label,
            )
            drawn = True
    axes.axhline(0, color='grey', linewidth=0.8)
    axes.set_xticks(range(len(points)), [str(p.at) for p in points])
    axes.set_xlabel(label)
    return drawn


def _draw_classes(results: Results, figure: Figure) -> bool:
    classes = by_class(results)
    if not classes:
        return False
    axes = figure.subplots()
    for config, colour in _COLOURS.items():
        x = [gain.confusability for gain in classes]
        y = [gain.gains[config] for gain in classes]
        axes.scatter(x, y, color=colour, label=VARIANTS[config].label, s=14)
        for gain in classes if config == CAPTIONS else ():
            # Names of classes near zero would overlap.
            if max(map(abs, gain.gains.values())) > _NAMED:
                place = (gain.confusability, gain.gains[config])
                axes.annotate(gain.name, place, (3, 3), textcoords='offset points', fontsize=7)
    axes.axhline(0, color='grey', linewidth=0.8)
    axes.set_xlabel('pixels that null text gives to another object class, %')
    axes.set_ylabel('points of IoU over null text')
    axes.legend(fontsize=8)
    return True
