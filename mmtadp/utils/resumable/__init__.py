"""Runs that can be stopped at any moment and continued by the same command."""

from .interruption import (
    Interrupted,
    check_same_settings,
    defer_signals,
    exit_code,
)
from .run_folder import RunFolder

__all__ = [
    'Interrupted',
    'RunFolder',
    'check_same_settings',
    'defer_signals',
    'exit_code',
]
