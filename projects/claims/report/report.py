"""Write the page ``projects/claims/results.md`` from the results file."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from scipy.stats import spearmanr

from mmtadp.utils.atomic_files import write_text
from projects.claims.runs.run_plan import (
    CAPTIONS,
    NULL,
    ORACLE,
    PROMPTS,
    SEEDS,
    TARGETS,
    VARIANTS,
    full_plan,
)

from .conditions import Point, by_blur, by_class, by_labelled, by_size
from .paper import ITEMS
from .plots import draw_plots
from .statistics import DIGITS, UNITS, Results
from .verdict_tables import item_table, verdict_summary

EXAMPLES = 'examples.png'

_HEAD = """\
# The paper's claims in miniature

This page tests claims of the TADP paper on generated scenes. \
[TinySD](../shapescenes/README.md), a small latent diffusion model of ShapeScenes, replaces \
Stable Diffusion. The stock runner \
fine-tunes it on few labelled scenes with the configs of `projects/shapescenes/configs/`, and \
tests it on scenes that neither TinySD nor the captioner was trained on. `make claims` writes \
this page from the results file, [{raw}]({raw}); no measured number is typed by hand. \
[README.md](README.md) explains how to run it.

**{done} of {planned} runs are done.** {hardware} {protocol}

- **Captions** are written by the captioner, from the image alone, for training and test images. \
{captioner}
- The **oracle** names the classes in the image's ground truth. It is an upper bound for a better \
captioner, not a usable method.
- With the same seed, all variants of a task start from the same neck and heads, and train for \
the same number of steps on the same images in the same order. No setting is tuned for a variant. \
The shared settings were [chosen](../../docs/benchmarks.md#choice-of-the-settings) on the last \
200 training scenes with one seed; no figure of this page uses those scenes. The settings of \
personalisation (item 6) were set once and not tuned.
- Items 4 to 6 were measured with one seed first. Each cell gives its number of seeds.

## Verdicts

Each cell is a mean ± standard deviation over seeds. Differences are computed seed by seed, and \
are positive if the setting that the paper claims to be better is better. The verdict compares \
the mean difference with its spread:

- With two or more seeds, the spread is the standard deviation of the difference over seeds.
- With one seed, it is estimated from other settings of the same task: the median standard \
deviation of all settings with two or more seeds, times √2, because a difference of two settings \
varies √2 times as much as one setting. Medians: {reference}.

A difference larger than the spread is **shown** if it is positive, **opposite** if it is \
negative; a smaller one is **not shown**. A claim that two settings do not differ is shown if the \
difference is within the spread. [benchmarks](../../docs/benchmarks.md#claims-that-are-not-shown) \
lists what was tried for claims that are not shown.
"""


def write_report(
    rows: Mapping[str, dict], out: Path, raw: Path, scores: Mapping | None = None
) -> None:
    """Write the page, and its plots into the folder of the same name next to it.

    Args:
        rows (Mapping[str, dict]): Rows by key, as :meth:`.ResultsFile.rows` returns them.
        out (Path): The Markdown file.
        raw (Path): The results file, which the page links to.
        scores (Mapping, optional): Precision and recall of the captioner, from its
            ``scores.json``.
    """
    results = Results(rows)
    folder = out.with_suffix('')
    plots = draw_plots(results, folder)
    name = raw.relative_to(out.parent) if raw.is_relative_to(out.parent) else raw.name
    parts = [
        _HEAD.format(
            raw=name,
            done=sum(run.key in rows for run in full_plan()),
            planned=len(full_plan()),
            hardware=_hardware(rows),
            protocol=_protocol(results),
            captioner=_captioner(scores),
            reference=_references(results),
        ),
        verdict_summary(results),
        *(item_table(item, results) for item in ITEMS),
        _settings_table(results),
        _conditions(results),
        *_figures(plots, folder),
    ]
    text = '\n'.join(parts)
    write_text(out, text)


def _hardware(rows: Mapping[str, dict]) -> str:
    if not rows:
        return ''
    machines = {
        f'{row["device"]} ({row["cores"]} cores, {row["threads"]} '
        f'{"thread" if row["threads"] == 1 else "threads"} a run)'
        for row in rows.values()
    }
    versions = {
        ', '.join(f'{name} {number}' for name, number in row['versions'].items())
        for row in rows.values()
    }
    minutes = sum(sum(row['minutes'].values()) for row in rows.values())
    return (
        f'Hardware: {" and ".join(sorted(machines))}. Time of all runs, one after the other: '
        f'{minutes / 60:.1f} hours. Versions: {"; ".join(sorted(versions))}.'
    )


def _protocol(results: Results) -> str:
    rows = [*results.of(CAPTIONS).values()]
    if not rows:
        return ''
    row = rows[0]
    return (
        f'Protocol: {row["training_scenes"]} labelled scenes, {row["iterations"]:,} steps of '
        f'{row["batch_size"]} images, {row["test_scenes"]} test scenes, '
        f'{len(row["classes"])} classes including the background.'
    )


def _captioner(scores: Mapping | None) -> str:
    if not scores:
        return 'Its model card has the precision and recall of its class names.'
    parts = [
        f'{domain}: precision {of["long"]["precision"]["value"]:.2f}, recall '
        f'{of["long"]["recall"]["value"]:.2f}'
        for domain, of in scores['scores'].items()
        if domain in ('day', *TARGETS)
    ]
    return (
        f'Class names in its long captions, on {scores["scenes"]} held-out scenes per domain: '
        f'{"; ".join(parts)}.'
    )


def _references(results: Results) -> str:
    parts = [
        f'{UNITS[task]}: {results.reference_spread(task):.{DIGITS[task] + 1}f}'
        for task in UNITS
        if results.reference_spread(task) == results.reference_spread(task)
    ]
    return '; '.join(parts) or 'none yet, so any difference counts'


def _settings_table(results: Results) -> str:
    configs = list(dict.fromkeys(run.config for run in full_plan()))
    rows = []
    for config in configs:
        task = VARIANTS[config].task
        cell = results.cell(config)
        seeds = ', '.join(map(str, cell.values)) or '–'
        rows.append(
            f'| {VARIANTS[config].label} | `{config}` | {UNITS[task]} | {cell.text(DIGITS[task])} '
            f'| {seeds} |'
        )
    header = (
        '| setting | config | figure | mean ± spread | seeds |\n| --- | --- | --- | --- | --- |'
    )
    return f'\n## All settings\n\n{header}\n' + '\n'.join(rows)


def _conditions(results: Results) -> str:
    parts = [
        '\n## When does text help?\n\nGains are differences from null text in points of mIoU, '
        'with the same seed and condition.'
    ]
    for title, text, points, first in (
        (
            'Number of labelled scenes',
            'The number of steps is constant, so with fewer scenes each scene is seen more often.',
            by_labelled,
            'labelled',
        ),
        (
            'Size of objects',
            'Thirds of the test scenes, by the mean area of the classes in a scene.',
            by_size,
            'objects',
        ),
        (
            'Blur of the test images',
            'σ is the standard deviation of a Gaussian in pixels. Captions are written from the '
            'blurred images; the oracle does not depend on the blur.',
            by_blur,
            'σ',
        ),
    ):
        parts.append(f'\n### {title}\n\n{text}\n\n{_point_table(points, results, first)}')
    return '\n'.join([*parts, _classes(results)])


def _point_table(
    points: Callable[[Results], Iterator[Point]], results: Results, first: str
) -> str:
    gained = (CAPTIONS, ORACLE)
    header = [first, *(VARIANTS[name].label for name in PROMPTS)]
    header += [f'gain of {VARIANTS[name].label}' for name in gained]
    rows = [header, ['---'] * len(header)]
    for point in points(results):
        cells = [point.cells[name] for name in PROMPTS] + [point.gains[name] for name in gained]
        rows.append([str(point.at), *(cell.text() for cell in cells)])
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def _classes(results: Results) -> str:
    text = (
        '\n### Confusability of classes\n\nThe confusability of a class is the share of another '
        f'object class among the pixels of the class that {VARIANTS[NULL].label} labels as an '
        'object.'
    )
    classes = by_class(results)
    if not classes:
        return f'{text} Not measured yet.'
    taken = [gain.confusability for gain in classes]
    gains = {name: [gain.gains[name] for gain in classes] for name in (CAPTIONS, ORACLE)}
    parts = [
        f'{VARIANTS[name].label} {spearmanr(taken, values).statistic:+.2f}'
        for name, values in gains.items()
    ]
    return (
        f'{text} Over {len(classes)} classes it ranges from {taken[0]:.0f} % '
        f'({classes[0].name}) to {taken[-1]:.0f} % ({classes[-1].name}). Its rank correlation '
        f'with the gain in IoU: {"; ".join(parts)}. A negative value means that text helps '
        'confusable classes less.'
    )


def _figures(plots: Mapping[str, str], folder: Path) -> Iterator[str]:
    yield '\n## Plots'
    for name, text in plots.items():
        yield f'\n{text}\n\n![{text}]({folder.name}/{name})'
    if (folder / EXAMPLES).exists():
        text = 'Predictions and attention maps of each prompt, on scenes at even steps.'
        yield f'\n## Examples\n\n{text}\n\n![{text}]({folder.name}/{EXAMPLES})'
    yield (
        '\n## Reproduce this page\n\n```bash\nmake claims            # all runs; continues where '
        'it stopped\nQUICK=1 make claims    # null text, captions, oracle and U-Net from scratch, '
        f'one seed\n```\n\nThe full table has {len(SEEDS)} seeds.\n'
    )
