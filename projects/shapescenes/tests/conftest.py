"""Fixtures of the tests that run whole configs, shared with the package's own."""

from tests.test_configs.conftest import prompted, threads_for_processes

__all__ = ['prompted', 'threads_for_processes']
