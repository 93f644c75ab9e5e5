"""Check every file of the datasets of a config."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config

from mmtadp.utils.config_datasets import build_leaf, leaf_configs
from mmtadp.utils.empty_datasets import explain_empty
from mmtadp.utils.errors import RunError

from .boxes import check_annotations
from .caption_files import check_caption_files
from .config_parts import Part, is_loader, walk
from .report import NOTE, STOP, Finding, SplitReport
from .samples import check_dataset, conclude
from .settings import check_settings, ignored_label, largest_depth

SPLITS = ('train', 'val', 'test')


def check_config(
    config: Config,
    name: str,
    splits: Sequence[str] = SPLITS,
    workers: int = 1,
    count_tokens: Callable[[list[str]], list[int]] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> tuple[list[SplitReport], dict[str, list[Part]]]:
    """Check every image, mask, depth map, box and caption of a config.

    Paths, label rules and the arguments of the loading transforms are the config's. A split whose
    dataset equals that of an earlier one, as a test dataset often does, is left out.

    Args:
        config (Config): Of mmseg or mmdet.
        name (str): Name of the config in messages.
        splits (Sequence[str]): Some of 'train', 'val' and 'test'.
        workers (int): Number of threads.
        count_tokens (Callable, optional): From captions to the number of tokens of each.
        progress (Callable): Called after each image.

    Returns:
        tuple[list[SplitReport], dict[str, list[Part]]]: A report of each split, and the datasets
        of each split.

    Raises:
        RunError: If the config has none of the splits.
    """
    wanted = {s: (config.get(f'{s}_dataloader') or {}).get('dataset') for s in splits}
    wanted = {split: dataset for split, dataset in wanted.items() if dataset is not None}
    if not wanted:
        raise RunError(
            f'{name} has no dataset in {" or ".join(f"{s}_dataloader" for s in splits)}.'
        )
    reports, parts, seen = [], {}, []
    for split, dataset in wanted.items():
        if dataset in seen:
            continue
        seen.append(dataset)
        report = SplitReport(split)
        parts[split] = []
        for leaf in leaf_configs(dataset):
            part = _build(config, leaf, report)
            if part is not None:
                parts[split].append(part)
                ignore = ignored_label(config, split)
                check_dataset(
                    part.dataset, report, ignore=ignore, workers=workers, progress=progress
                )
                report.add(_unused_files(part.dataset))
        conclude(report, largest_depth(config, split))
        report.add(list(check_settings(config, report)))
        reports.append(report)
    check_caption_files(reports, parts, count_tokens)
    return reports, parts


def _build(config: Config, leaf: Mapping, report: SplitReport) -> Part | None:
    """Build a dataset with its loading transforms only; None, and findings, if it fails."""
    loaders = [step for step in walk(leaf.get('pipeline', ())) if is_loader(step)]
    report.add(_annotation_files(config, leaf))
    try:
        dataset = build_leaf(config, leaf, loaders)
        error = None if len(dataset) else ValueError('it has no image')
    # Datasets and transforms of any package raise errors of any type.
    except Exception as raised:
        error = raised
    if error is not None:
        reason = explain_empty(config, leaf)
        if reason is not None:
            report.add([Finding(STOP, 'empty', report.name, reason)])
        elif not report.of_level(STOP):
            line = (str(error).strip().splitlines() or [''])[0]
            text = f'the dataset cannot be built ({type(error).__name__}: {line}).'
            report.add([Finding(STOP, 'config', report.name, text)])
        return None
    report.classes = report.classes or tuple(dataset.metainfo.get('classes') or ())
    report.palette = report.palette or _palette(leaf, dataset)
    folders = {os.path.dirname(dataset.get_data_info(i)['img_path']) for i in range(len(dataset))}
    report.folders += sorted(folders - set(report.folders))
    return Part(leaf, dataset)


def _annotation_files(config: Config, leaf: Mapping) -> list[Finding]:
    try:
        # Without reading its files: mmengine joins the paths.
        dataset = build_leaf(config, leaf, lazy_init=True)
    except Exception:  # The dataset itself fails as well, and is reported.
        return []
    return list(check_annotations(dataset))


def _palette(leaf: Mapping, dataset: Any) -> list:
    """Return the palette that the config or the dataset's type sets; mmseg draws others."""
    for metainfo in (leaf.get('metainfo') or {}, type(dataset).METAINFO):
        if isinstance(metainfo, Mapping) and metainfo.get('palette'):
            return list(dataset.metainfo['palette'])
    return []


def _unused_files(dataset: Any) -> Iterator[Finding]:
    """Yield how many masks or depth maps of a dataset's folder have no image."""
    suffix = getattr(dataset, 'seg_map_suffix', None)
    prefix = getattr(dataset, 'data_prefix', None) or {}
    if suffix is None or (getattr(dataset, 'ann_file', '') and os.path.isfile(dataset.ann_file)):
        return
    if getattr(dataset, '_indices', None) is not None:
        return  # A part of the images, as the config wants it.
    for key in ('seg_map_path', 'depth_map_path'):
        folder = prefix.get(key)
        if not folder or not os.path.isdir(folder):
            continue
        infos = map(dataset.get_data_info, range(len(dataset)))
        used = {os.path.abspath(info[key]) for info in infos if key in info}
        found = (
            os.path.join(parent, file)
            for parent, _, files in os.walk(folder)
            for file in files
            if file.endswith(suffix)
        )
        unused = sorted(path for path in found if os.path.abspath(path) not in used)
        if used and unused:
            text = f'{len(unused):,} files *{suffix} have no image, such as {unused[0]}.'
            yield Finding(NOTE, 'unused', folder, text)
