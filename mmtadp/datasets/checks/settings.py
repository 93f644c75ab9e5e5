"""Compare the settings of a config with each other and with the labels that occur."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from .config_parts import type_name, walk
from .report import STOP, WARN, Finding, SplitReport


def ignored_label(config: Config, split: str) -> tuple[int, str] | None:
    """Return the label that a split ignores, and the setting that it comes from.

    Training ignores the head's, which is the loss's; validation and test the metric's.

    Args:
        config (Config): Of mmseg; others have none.
        split (str): 'train', 'val' or 'test'.
    """
    if config.get('default_scope') != 'mmseg':
        return None
    if split == 'train':
        found, source = _head(config, 'decode_head'), 'model.decode_head.ignore_index'
    else:
        metrics = [m for m in _metrics(config, split) if type_name(m) == 'IoUMetric']
        found, source = (metrics[0] if metrics else None), f'{split}_evaluator.ignore_index'
    return None if found is None else (found.get('ignore_index', 255), source)


def largest_depth(config: Config, split: str) -> float | None:
    """Return the ``max_depth_eval`` of a split's metric; for training, that of validation."""
    metrics = _metrics(config, 'val' if split == 'train' else split)
    return next((part['max_depth_eval'] for part in metrics if 'max_depth_eval' in part), None)


def check_settings(config: Config, report: SplitReport) -> Iterator[Finding]:
    """Yield whether the model's classes and padding do not fit the labels of the training.

    Args:
        config (Config): Of mmseg or mmdet.
        report (SplitReport): Of the split that was looked at.
    """
    if report.name != 'train' or report.truth not in ('masks', 'boxes'):
        return
    name = 'decode_head' if report.truth == 'masks' else 'bbox_head'
    number = (_head(config, name) or {}).get('num_classes')
    if isinstance(number, int) and number > 1 and report.classes:
        yield from _check_num_classes(number, f'{name}.num_classes', report)
    if report.truth == 'masks' and report.ignored is not None:
        preprocessor = next(
            (part['data_preprocessor'] for part in walk(config.get('model') or {})
             if isinstance(part.get('data_preprocessor'), Mapping)),
            {},
        )  # fmt: skip
        padding = preprocessor.get('seg_pad_val', 255)
        if preprocessor and padding != report.ignored:
            text = (
                f'is {padding}, but the loss ignores {report.ignored}: where an image is padded, '
                'its padding is taken for a label. Set both alike.'
            )
            yield Finding(WARN, 'config', 'model.data_preprocessor.seg_pad_val', text)


def _check_num_classes(number: int, source: str, report: SplitReport) -> Iterator[Finding]:
    labels = {*report.label_pixels, *report.label_boxes} - {report.ignored}
    beyond = sorted(label for label in labels if number <= label < len(report.classes))
    if beyond:
        names = ', '.join(f'{label} ({report.classes[label]})' for label in beyond[:5])
        text = f'is {number}, but label {names} occurs. Set it to {len(report.classes)}.'
        yield Finding(STOP, 'config', source, text)
    elif number > len(report.classes):
        text = (
            f'is {number}, but the dataset has {len(report.classes)} classes '
            f'({", ".join(report.classes[:5])}{", ..." if len(report.classes) > 5 else ""}). '
            'Set both alike.'
        )
        yield Finding(WARN, 'config', source, text)


def _head(config: Config, name: str) -> Mapping | None:
    """Return the config of a model's head; the last one of a cascade."""
    found = [part[name] for part in walk(config.get('model') or {}) if part.get(name)]
    head: Any = found[0] if found else None
    head = head[-1] if isinstance(head, list | tuple) and head else head
    return head if isinstance(head, Mapping) else None


def _metrics(config: Config, split: str) -> Iterator[Mapping]:
    """Return the configs of a split's metrics, outer ones first."""
    return walk([config.get(f'{split}_evaluator') or {}])
