"""Look at the files of the images of one dataset."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from .boxes import check_boxes, check_class_order, count_boxes
from .ground_truth import LabelRules, check_depth, check_mask, compare_sizes
from .loading import (
    LoadedImage,
    Loaders,
    find_loaders,
    load_depth,
    load_image,
    load_mask,
    read,
)
from .report import NOTE, STOP, WARN, Finding, SplitReport

_SMALL_FILE = 50 * 2**20  # bytes


class SampleCheck(NamedTuple):
    """What was found in the files of one image.

    Attributes:
        findings (list[Finding]): What is wrong.
        image (LoadedImage, optional): None if it cannot be read; without its pixels.
        pixels (Counter): Label -> pixels.
        boxes (Counter): Label -> boxes.
        depth (tuple, optional): Smallest, median and largest depth.
    """

    findings: list[Finding]
    image: LoadedImage | None
    pixels: Counter
    boxes: Counter
    depth: tuple[float, float, float] | None


def label_rules(dataset: Any, loaders: Loaders, ignore: tuple[int, str] | None) -> LabelRules:
    """Return how the labels of a dataset's masks are read.

    Args:
        dataset: A built dataset of mmseg.
        loaders (Loaders): Of its pipeline.
        ignore (tuple[int, str], optional): The ignored label, and the setting that it comes from;
            None takes the dataset's.
    """
    classes = dataset.metainfo.get('classes')
    if ignore is None:
        ignore = getattr(dataset, 'ignore_index', 255), 'ignore_index of the dataset'
    return LabelRules(
        len(classes) if classes else None,
        *ignore,
        bool(getattr(dataset, 'reduce_zero_label', False)),
        dataset.metainfo.get('label_map'),
    )


def check_dataset(
    dataset: Any,
    report: SplitReport,
    *,
    pipeline: Any = None,
    ignore: tuple[int, str] | None = None,
    workers: int = 1,
    num_samples: int | None = None,
    seconds: float = float('inf'),
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Look at the files of the images of one dataset, and add what is found to a report.

    Args:
        dataset: A built dataset of mmseg or mmdet, not a wrapper.
        report (SplitReport): It is changed in place.
        pipeline (Any, optional): The pipeline with the loading transforms. None for the dataset's.
        ignore (tuple[int, str], optional): See :func:`label_rules`.
        workers (int): Number of threads. Defaults to 1.
        num_samples (int, optional): Look at so many images only, evenly spaced, among them the
            first. None looks at all.
        seconds (float): Stop to look at further images after this time. Defaults to never.
        progress (Callable): Called after each image.
    """
    loaders = find_loaders(dataset.pipeline if pipeline is None else pipeline)
    rules = label_rules(dataset, loaders, ignore)
    length = len(dataset)
    report.total += length
    report.add(_check_settings(dataset, loaders))
    # To read COCO's own annotations takes as long as mmdet takes for them.
    if num_samples is None or _size(getattr(dataset, 'ann_file', '')) < _SMALL_FILE:
        report.add(check_class_order(dataset))
    report.truth = report.truth or loaders.truth
    if loaders.mask is not None:
        report.ignored = rules.ignore_index
    count = length if num_samples is None else min(num_samples, length)
    indices = np.linspace(0, length - 1, count).astype(int).tolist() if count else []

    def check(index: int) -> SampleCheck:
        return check_sample(dataset.get_data_info(index), loaders, rules, report.classes)

    end = time.monotonic() + seconds
    for sample in _each(check, indices, workers):
        _count(sample, report)
        progress()
        if time.monotonic() > end:
            break


def _size(path: str) -> int:
    return os.path.getsize(path) if path and os.path.isfile(path) else 0


def _each(
    check: Callable[[int], SampleCheck], indices: list[int], workers: int
) -> Iterator[SampleCheck]:
    """Yield the results in order; few are kept at a time, for millions of images."""
    if workers <= 1:
        yield from map(check, indices)
        return
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(workers))
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        remaining = iter(indices)
        running = [pool.submit(check, index) for index in islice(remaining, 4 * workers)]
        while running:
            yield running.pop(0).result()
            running += [pool.submit(check, index) for index in islice(remaining, 1)]


def _check_settings(dataset: Any, loaders: Loaders) -> Iterator[Finding]:
    wanted = getattr(loaders.mask, 'reduce_zero_label', None)
    given = getattr(dataset, 'reduce_zero_label', None)
    if loaders.mask is not None and wanted is not None and given is not None and wanted != given:
        text = (
            f'LoadAnnotations has reduce_zero_label={wanted}, the dataset {given}; mmseg stops at '
            'the first image. Set both alike.'
        )
        yield Finding(STOP, 'config', type(dataset).__name__, text)


def check_sample(
    info: dict, loaders: Loaders, rules: LabelRules, classes: tuple[str, ...]
) -> SampleCheck:
    """Look at the files of one image.

    Args:
        info (dict): The dataset's entry: ``img_path``, and ``seg_map_path``, ``depth_map_path`` or
            ``instances``.
        loaders (Loaders): Of the pipeline; ground truth that it does not load is not looked at.
        rules (LabelRules): How the values of a mask are read.
        classes (tuple[str, ...]): Names of the classes.
    """
    path = info['img_path']
    findings: list[Finding] = []
    image = read(path, lambda: load_image(info, loaders.image), findings)
    pixels, boxes, depth = Counter(), Counter(), None
    mask_path = info.get('seg_map_path')
    if loaders.mask is not None and mask_path is not None:
        loaded = read(mask_path, lambda: load_mask(mask_path, loaders.mask), findings)
        if loaded is not None:
            values, file_format = loaded
            if image is not None:
                findings += compare_sizes(image, path, values.shape[:2], mask_path, 'mask')
            found, pixels = check_mask(values, file_format, mask_path, rules)
            findings += found
    depth_path = info.get('depth_map_path')
    if loaders.depth is not None and depth_path is not None:
        values = read(depth_path, lambda: load_depth(depth_path, loaders.depth), findings)
        if values is not None:
            if image is not None:
                findings += compare_sizes(image, path, values.shape[:2], depth_path, 'depth map')
            factor = loaders.depth.depth_rescale_factor
            found, depth = check_depth(values, depth_path, factor)
            findings += found
    if loaders.boxes is not None:
        boxes = count_boxes(info)
        if image is not None:
            findings += check_boxes(info, image, classes)
    if image is not None:
        # The pixels are not needed further, and all samples would not fit into memory.
        image = image._replace(pixels=np.empty((*image.size, 0), np.uint8))
    return SampleCheck(findings, image, pixels, boxes, depth)


def _count(sample: SampleCheck, report: SplitReport) -> None:
    report.looked_at += 1
    report.add(sample.findings)
    if sample.image is not None:
        report.sizes[sample.image.size] += 1
        report.modes[sample.image.mode] += 1
    report.label_pixels.update(sample.pixels)
    report.label_boxes.update(sample.boxes)
    report.label_images.update({label: 1 for label in (*sample.pixels, *sample.boxes)})
    if sample.depth is not None:
        report.depth.append(sample.depth)


def conclude(report: SplitReport, max_depth: float | None = None) -> None:
    """Add what all images of a split together show.

    Args:
        report (SplitReport): It is changed in place.
        max_depth (float, optional): The largest depth that the config evaluates, in metres.
    """
    report.add(_unlearned_classes(report))
    share = report.ignored_share() if report.ignored is not None else 0.0
    if share > 0.5:
        text = f'label {report.ignored} is ignored and covers {share:.0%} of the pixels.'
        report.add([Finding(WARN, 'ignored', report.name, text)])
    if report.depth and max_depth and report.median_depth() > max_depth:
        text = (
            f'half of the depths are above {report.median_depth():.4g}, and max_depth_eval is '
            f'{max_depth:g}. Set depth_rescale_factor, from the values of the files to metres.'
        )
        report.add([Finding(WARN, 'scale', report.name, text)])


def _unlearned_classes(report: SplitReport) -> Iterator[Finding]:
    absent = report.absent_classes()
    if not absent or report.truth not in ('masks', 'boxes') or not report.looked_at:
        return
    names = [f'class {label} ({report.classes[label]})' for label in absent]
    shown = ', '.join(names[:10])
    shown += f' and {len(names) - 10} more' if len(names) > 10 else ''
    masks = report.truth == 'masks'
    if len(names) == 1:
        text = f'{shown} {"occurs in no mask" if masks else "has no box"}'
    else:
        text = f'{len(names)} of {len(report.classes)} classes '
        text += f'{"occur in no mask" if masks else "have no box"}: {shown}'
    if report.ignored is not None and report.ignored_share() > 0:
        text += f'; {report.ignored} (ignored) covers {report.ignored_share():.0%} of the pixels'
    # A test set need not have all classes, and a sample does not; what training has not seen is
    # never predicted.
    binary = any(finding.kind == 'binary' for finding in report.findings)
    certain = binary or report.looked_at == report.total
    level = WARN if report.name == 'train' and certain else NOTE
    yield Finding(level, 'absent', report.name, f'{text}.')


def merge_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return the first finding of each kind and level, with the number of the others."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.level, finding.kind), []).append(finding)
    return [
        first._replace(text=f'{first.text} The same kind: {len(others):,} more.')
        if others
        else first
        for first, *others in groups.values()
    ]
