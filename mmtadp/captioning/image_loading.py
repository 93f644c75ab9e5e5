"""Decode images in worker processes, ahead of the model."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import cv2
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from mmtadp.utils.errors import RunError
from mmtadp.utils.image_files import DEFAULT_MAX_PIXELS, UnusableImageError, open_rgb


class LoadedImage(NamedTuple):
    """A prepared image, or the reason why it cannot be used.

    Attributes:
        key (str): The image's key.
        pixels (Any): The prepared image, or None.
        problem (str | None): Why the image cannot be used.
    """

    key: str
    pixels: Any
    problem: str | None


class _Images(Dataset):
    def __init__(
        self, paths: dict[str, str], prepare: Callable[[Image.Image], Any], max_pixels: int
    ):
        self.paths, self.prepare, self.max_pixels = paths, prepare, max_pixels

    def __getitem__(self, key: str) -> LoadedImage:
        return load_image(key, self.paths[key], self.prepare, self.max_pixels)


def load_image(
    key: str, path: str, prepare: Callable[[Image.Image], Any], max_pixels: int
) -> LoadedImage:
    """Read and prepare an image; an error becomes its ``problem``."""
    try:
        return LoadedImage(key, prepare(open_rgb(path, max_pixels)), None)
    except UnusableImageError as error:
        return LoadedImage(key, None, str(error))


def load_ahead(
    batches: Sequence[Sequence[str]],
    paths: dict[str, str],
    prepare: Callable[[Image.Image], Any],
    max_pixels: int = DEFAULT_MAX_PIXELS,
    workers: int = 2,
) -> Iterator[list[LoadedImage]]:
    """Load batches of images while the model is at work on earlier ones.

    Args:
        batches (Sequence[Sequence[str]]): Keys of the images of each batch.
        paths (dict[str, str]): Key to path.
        prepare (Callable): From an RGB image to the prepared one; runs in the workers.
        max_pixels (int): See :func:`~mmtadp.utils.image_files.open_rgb`.
        workers (int): Number of processes; 0 loads in this one. Each holds two batches.

    Yields:
        list[LoadedImage]: A batch, in the order of ``batches``.
    """
    processes = min(workers, len(batches))
    yield from DataLoader(
        _Images(paths, prepare, max_pixels),
        batch_sampler=batches,
        num_workers=processes,
        collate_fn=list,
        worker_init_fn=_prepare_worker,
        prefetch_factor=2 if processes else None,
    )


def _prepare_worker(worker: int) -> None:
    cv2.setNumThreads(0)  # As in training: there are as many workers as spare cores.
    # Ctrl-C reaches the whole process group. Only the main process acts on it: if workers died
    # first, it would report their death instead of the interruption. It ends them with SIGTERM,
    # for which they may have inherited its handler.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def wrap_worker_errors() -> Iterator[None]:
    """Turn torch's error for the death of a worker process into one with a remedy.

    Raises:
        RunError: If a worker died.
    """
    try:
        yield
    except RuntimeError as error:
        if 'DataLoader worker' not in str(error):
            raise
        raise RunError(
            f'a process that decodes images died ({error}). If memory ran out, use fewer '
            '--workers, a smaller --batch-size or a smaller --max-pixels. Start again to continue.'
        ) from error


def default_workers() -> int:
    """Return the number of spare cores, at most 8."""
    if hasattr(os, 'sched_getaffinity'):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(8, cores - 1))
