"""``projects/claims/results.md`` from the raw results."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from scipy.stats import spearmanr

from mmtadp.utils.atomic_files import write_text
from projects.claims.runs.labels import DIGITS, LABELS, UNITS
from projects.claims.runs.plan import (
    CAPTIONS,
    NULL,
    ORACLE,
    PROMPTS,
    SEEDS,
    TARGETS,
    Run,
    full_plan,
)

from .conditions import Point, by_blur, by_class, by_labelled, by_size
from .paper import ITEMS
from .plots import draw_plots
from .statistics import Results
from .verdict_tables import item_table, verdict_summary

PICTURES = 'pictures.png'

_HEAD = """\
# The paper's claims in miniature

What the prompt does, shown with [TinySD](../shapescenes/README.md), a small latent diffusion \
model that has learned to draw ShapeScenes. It is fine-tuned on few labelled scenes by the stock \
runner with the configs of `projects/shapescenes/configs/`, and tested on scenes that neither it \
nor the captioner has seen. `make claims` writes this page from the raw results, \
[{raw}]({raw}); no number that was measured is typed by hand.

**{done} of {planned} runs are done.** {hardware} {protocol}

- The **captions** are the captioner's, made from the image alone, in training and in the test. \
{captioner}
- The **oracle** names the classes that the ground truth of the image holds. It is no method that \
could be used, but a bound on what a better captioner could bring.
- All variants of a task start from the same neck and heads under a seed, and are trained for the \
same number of steps on the same images in the same order. No setting is tuned for a variant. \
The settings that all share were [chosen](benchmarks.md#choice-of-the-settings) on the last 200 \
training scenes, with one seed; no figure here is made with those scenes. Those of \
personalisation (item 6) were set once and not tuned.
- Items 4 to 6 were measured with one seed first; each cell says how many seeds it has.

## Verdicts

A cell is the mean over seeds ± the standard deviation over seeds. The difference is taken seed \
by seed, positive where what the paper claims to be better is better. With two seeds or more it \
counts if its mean is larger than its standard deviation over seeds: **shown** if positive, \
**opposite** if negative, else **not shown**. With one seed it counts if it is larger than √2 \
times the median standard deviation of the settings of the task that have several seeds \
({reference}). A claim that two settings do not differ is shown if the difference is within that \
spread, else not shown. What was tried where a claim is not shown: \
[benchmarks](benchmarks.md#claims-that-are-not-shown).
"""


def write_report(
    rows: Mapping[str, dict], out: Path, raw: Path, scores: Mapping | None = None
) -> None:
    """Writes the page, and its plots into a folder of its name beside it.

    Args:
        rows (Mapping[str, dict]): As :meth:`.ResultsFile.rows` gives them.
        out (Path): The Markdown file.
        raw (Path): The raw results file, which the page names.
        scores (Mapping, optional): The captioner's precision and recall, from its
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
        f'Made on {" and ".join(sorted(machines))}; all runs together took '
        f'{minutes / 60:.1f} hours, one after the other. {"; ".join(sorted(versions))}.'
    )


def _protocol(results: Results) -> str:
    rows = [*results.of(CAPTIONS).values()]
    if not rows:
        return ''
    row = rows[0]
    return (
        f'{row["training_scenes"]} labelled scenes, {row["iterations"]:,} steps of '
        f'{row["batch_size"]} images, {row["test_scenes"]} test scenes, '
        f'{len(row["classes"])} classes with the background.'
    )


def _captioner(scores: Mapping | None) -> str:
    if not scores:
        return 'Its precision and recall of class names are in its model card.'
    parts = [
        f'{domain}: precision {of["long"]["precision"]["value"]:.2f}, recall '
        f'{of["long"]["recall"]["value"]:.2f}'
        for domain, of in scores['scores'].items()
        if domain in ('day', *TARGETS)
    ]
    return (
        f'Of class names in long captions, on {scores["scenes"]} held-out scenes of each domain: '
        f'{"; ".join(parts)}.'
    )


def _references(results: Results) -> str:
    parts = [
        f'{UNITS[task]}: {results.reference_spread(task):.{DIGITS[task] + 1}f}'
        for task in UNITS
        if results.reference_spread(task) == results.reference_spread(task)
    ]
    return '; '.join(parts) or 'no setting has several seeds yet, so any difference counts'


def _settings_table(results: Results) -> str:
    configs = list(dict.fromkeys(run.config for run in full_plan()))
    rows = []
    for config in configs:
        task = Run(config, 0).task
        cell = results.cell(config)
        seeds = ', '.join(map(str, cell.values)) or '–'
        rows.append(
            f'| {LABELS[config]} | `{config}` | {UNITS[task]} | {cell.text(DIGITS[task])} '
            f'| {seeds} |'
        )
    header = (
        '| setting | config | figure | mean ± spread | seeds |\n| --- | --- | --- | --- | --- |'
    )
    return f'\n## All settings\n\n{header}\n' + '\n'.join(rows)


def _conditions(results: Results) -> str:
    parts = [
        '\n## When does text help?\n\nGains are points of mIoU over null text under the same seed '
        'and condition.'
    ]
    for title, text, points, first in (
        (
            'Number of labelled scenes',
            'The number of steps is the same for all, so each of few scenes is seen more often.',
            by_labelled,
            'labelled',
        ),
        (
            'Size of objects',
            'Thirds of the test scenes by the mean area of a class.',
            by_size,
            'objects',
        ),
        (
            'Blur of the test images',
            'By the standard deviation σ of a Gaussian, in pixels. Captions are made from the '
            'blurred images; those of the oracle are as true as before.',
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
    header = [first, *map(LABELS.get, PROMPTS), *(f'gain of {LABELS[name]}' for name in gained)]
    rows = [header, ['---'] * len(header)]
    for point in points(results):
        cells = [point.cells[name] for name in PROMPTS] + [point.gains[name] for name in gained]
        rows.append([str(point.at), *(cell.text() for cell in cells)])
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def _classes(results: Results) -> str:
    text = (
        '\n### Confusability of classes\n\nA class is the more confusable, the more of its pixels '
        f'{LABELS[NULL]} gives to another object class, among those it gives to any.'
    )
    classes = by_class(results)
    if not classes:
        return f'{text} Not measured yet.'
    taken = [gain.confusability for gain in classes]
    parts = [
        f'{LABELS[name]} {spearmanr(taken, [gain.gains[name] for gain in classes]).statistic:+.2f}'
        for name in (CAPTIONS, ORACLE)
    ]
    return (
        f'{text} Over {len(classes)} classes it ranges from {taken[0]:.0f} % '
        f'({classes[0].name}) to {taken[-1]:.0f} % ({classes[-1].name}); its rank correlation '
        f'with the gain in IoU is, for {", for ".join(parts)}; below zero, text helps confusable '
        'classes less.'
    )


def _figures(plots: Mapping[str, str], folder: Path) -> Iterator[str]:
    yield '\n## Plots'
    for name, text in plots.items():
        yield f'\n{text}\n\n![{text}]({folder.name}/{name})'
    if (folder / PICTURES).exists():
        text = 'Predictions and attention maps under each prompt, on scenes at even steps.'
        yield f'\n## Examples\n\n{text}\n\n![{text}]({folder.name}/{PICTURES})'
    yield (
        '\n## How to make this page\n\n```bash\nmake claims            # all of it; continues '
        'where it stopped\nQUICK=1 make claims    # null text, captions, oracle and a U-Net from '
        'scratch, one seed\n```\n\n'
        f'The whole table has {len(SEEDS)} seeds. `python projects/claims/tools/claims.py --help` '
        'lists the options; `--report-only` writes this page again from the raw results.\n'
    )
