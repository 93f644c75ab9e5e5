"""Checks of images, ground truth and captions before a training."""

from .config_check import check_config, ignored_label, largest_depth
from .report import KINDS, LEVELS, NOTE, STOP, WARN, Finding, SplitReport
from .samples import check_dataset, conclude, merge_paths

__all__ = [
    'KINDS',
    'LEVELS',
    'NOTE',
    'STOP',
    'WARN',
    'Finding',
    'SplitReport',
    'check_config',
    'check_dataset',
    'conclude',
    'ignored_label',
    'largest_depth',
    'merge_paths',
]
