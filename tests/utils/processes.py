"""Processes that a test starts, and that need not import everything again."""

import multiprocessing
from multiprocessing.context import BaseContext


def prepared_processes() -> BaseContext:
    """A context whose processes come from one that has only done imports.

    Not from the tests' own process, as after a fork neither a device nor the threads of OpenCV
    would be of use.
    """
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['mmseg.datasets', 'mmseg.models', 'mmtadp'])
    return context
