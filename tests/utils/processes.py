"""Processes that a test starts, and that need not import everything again."""

import gc
import multiprocessing
from multiprocessing.context import BaseContext

from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter


def prepared_processes() -> BaseContext:
    """A context whose processes come from one that has only done imports.

    Not from the tests' own process, as after a fork neither a device nor the threads of OpenCV
    would be of use.
    """
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['mmseg.datasets', 'mmseg.models', 'mmtadp'])
    return context


def end_workers() -> None:
    """End the workers of data loaders that nothing uses any more.

    A runner is part of a cycle. The garbage collector would free the queues of its loader first,
    and then wait five seconds for each worker.
    """
    if multiprocessing.active_children():
        for found in gc.get_objects():
            if type(found) is _MultiProcessingDataLoaderIter:
                found._shutdown_workers()
