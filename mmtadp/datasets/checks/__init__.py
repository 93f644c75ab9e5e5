"""Checks of images, ground truth and captions before a training."""

from .config_check import check_config
from .diagnosis import diagnose_failures
from .report import KINDS, LEVELS, NOTE, STOP, WARN, Finding, SplitReport
from .samples import check_dataset, conclude, merge_findings
from .settings import check_settings, ignored_label, largest_depth

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
    'check_settings',
    'conclude',
    'diagnose_failures',
    'ignored_label',
    'largest_depth',
    'merge_findings',
]
