"""A console without upstream's harmless warnings and without the dump of the config."""

import logging
import re
import warnings

import mmengine.logging
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from .empty_datasets import dataset_of, explain_empty
from .errors import RunError

# Beginnings of warnings that mmseg, mmdet and torch give for mmtadp's own configs, and that need
# no action of the user.
HARMLESS_WARNINGS = (
    'faster_coco_eval is not installed',  # mmtadp uses pycocotools
    'The draw is False',  # drawing is off by default
    'Default ``avg_non_ignore`` is False',  # as in the published code
    r'This DataLoader will create \d+ worker processes',  # loading is not the bottleneck
)
# Beginnings of log records that the log file keeps and the console does not show.
FILE_ONLY = re.compile(r'"FileClient" will be deprecated|Config:\n|Hooks will be executed in the')

_print_log = mmengine.logging.print_log


def silence_harmless_warnings() -> None:
    """Ignore :data:`HARMLESS_WARNINGS`, and the optional datasets that upstream does not find.

    Everything else is shown as before. A second call changes nothing.
    """
    for message in HARMLESS_WARNINGS:
        warnings.filterwarnings('ignore', message=message, category=UserWarning)
    # mmseg and mmdet print this without a logger when they are imported.
    mmengine.logging.print_log = _print_log_without_onedl


def _print_log_without_onedl(msg, *args, **kwargs) -> None:
    if not str(msg).startswith('Could not import OneDL'):
        _print_log(msg, *args, **kwargs)


def show_on_console(record: logging.LogRecord) -> bool:
    """Return whether a log record is shown on the console; a filter of a log handler."""
    return not FILE_ONLY.match(record.getMessage())


class QuietRunner(Runner):
    """mmengine's runner, with the config and the list of hooks in the log file only.

    A dataset without an image is an error that names its folder and what is there.
    """

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """Build mmengine's logger and filter what its console handler shows."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(show_on_console)
        return logger

    def build_dataloader(self, dataloader, *args, **kwargs) -> DataLoader:
        """Build a dataloader as mmengine does.

        Raises:
            RunError: If its dataset has no image.
        """
        try:
            return Runner.build_dataloader(dataloader, *args, **kwargs)
        # Upstream's error is NumPy's "need at least one array to concatenate".
        except (ValueError, AssertionError, OSError, KeyError) as error:
            reason = explain_empty(self.cfg, dataset_of(dataloader))
            if reason is None:
                raise
            raise RunError(reason) from error
