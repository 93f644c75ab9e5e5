"""Print the report of a check."""

from collections import Counter
from collections.abc import Iterator, Sequence

from .report import KINDS, LEVELS, NOTE, STOP, WARN, Finding, SplitReport

_WORDS = {STOP: 'STOP', WARN: 'warning', NOTE: 'note'}


def report_lines(reports: Sequence[SplitReport], examples: int = 5) -> Iterator[str]:
    """Yield the lines of a report: a table for each split, then the findings by kind.

    Args:
        reports (Sequence[SplitReport]): One for each split.
        examples (int): Findings to print of each kind and split. Defaults to 5.
    """
    for report in reports:
        yield from _split_lines(report)
        yield ''
    for level in LEVELS:
        for kind, wording in KINDS.items():
            for report in reports:
                found = [f for f in report.of_level(level) if f.kind == kind]
                if found:
                    yield from _finding_lines(found, level, wording, report.name, examples)


def _split_lines(report: SplitReport) -> Iterator[str]:
    folders = ', '.join(report.folders[:3]) + (', ...' if len(report.folders) > 3 else '')
    yield f'{report.name}: {report.total:,} images' + (f' in {folders}' if folders else '')
    if report.sizes:
        sizes = Counter({f'{h} x {w}': count for (h, w), count in report.sizes.items()})
        yield f'  size (height x width)  {_most_common(sizes)}'
        yield f'  format and mode        {_most_common(report.modes)}'
    if report.depth:
        low, high = min(d[0] for d in report.depth), max(d[2] for d in report.depth)
        median = report.median_depth()
        yield f'  depth                  {low:.4g} to {high:.4g} m, median {median:.4g} m'
    if report.label_pixels:
        yield from _mask_table(report)
    elif report.truth == 'boxes':
        yield from _box_table(report)


def _most_common(counts: Counter, limit: int = 4) -> str:
    parts = [f'{key} ({count:,})' for key, count in counts.most_common(limit)]
    return ', '.join(parts) + (f', {len(counts) - limit:,} more' if len(counts) > limit else '')


def _mask_table(report: SplitReport) -> Iterator[str]:
    total = sum(report.label_pixels.values())
    rows = [
        (str(label), name, report.label_images[label], report.label_pixels[label] / total)
        for label, name in enumerate(report.classes)
    ]
    rows += [
        (
            str(label),
            '(ignored)' if label == report.ignored else '(not a class)',
            report.label_images[label],
            report.label_pixels[label] / total,
        )
        for label in sorted(report.label_pixels)
        if label >= len(report.classes)
    ]
    width = max(len(row[1]) for row in rows)
    yield f'  label  {"class":{width}}  images  pixels'
    for label, name, images, share in rows:
        yield f'  {label:>5}  {name:{width}}  {images:6,}  {share:6.2%}'


def _box_table(report: SplitReport) -> Iterator[str]:
    width = max(len('class'), *map(len, report.classes)) if report.classes else 5
    yield f'  label  {"class":{width}}  images   boxes'
    for label, name in enumerate(report.classes):
        images, boxes = report.label_images[label], report.label_boxes[label]
        yield f'  {label:>5}  {name:{width}}  {images:6,}  {boxes:6,}'


def _finding_lines(
    found: Sequence[Finding], level: str, wording: str, split: str, examples: int
) -> Iterator[str]:
    yield f'{_WORDS[level]} ({split}): {len(found):,} x {wording} [{found[0].kind}]'
    for finding in found[:examples]:
        yield f'    {finding}'
    if len(found) > examples:
        yield f'    ... and {len(found) - examples:,} more'
