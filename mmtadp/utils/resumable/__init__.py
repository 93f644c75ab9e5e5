"""Runs that can be stopped at any moment and continued by the same command."""

from .command_line import exit_code
from .errors import Interrupted, RunError
from .interruption import noted_signals
from .run_folder import RunFolder
from .same_settings import check_same_settings

__all__ = [
    'Interrupted',
    'RunError',
    'RunFolder',
    'check_same_settings',
    'exit_code',
    'noted_signals',
]
