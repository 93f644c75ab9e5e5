"""Runs that can be stopped at any moment and continued by the same command."""

from ..errors import Interrupted
from .interruption import check_same_settings, defer_signals
from .run_folder import RunFolder

__all__ = ['Interrupted', 'RunFolder', 'check_same_settings', 'defer_signals']
