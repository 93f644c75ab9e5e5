"""Decode images in worker processes, ahead of the model."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from torch.utils.data import DataLoader, Dataset

from mmtadp.utils.errors import RunError

DEFAULT_MAX_PIXELS = 100_000_000


class UnusableImageError(ValueError):
    """An image that cannot be captioned. It is listed and the run goes on."""


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


def open_rgb(path: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> Image.Image:
    """Read an image upright, with 8 bits and three channels.

    Args:
        path (str): An image file.
        max_pixels (int): Larger images are not decoded: a file of some kilobytes can claim
            gigabytes of memory.

    Returns:
        Image: Mode RGB, rotated by its EXIF orientation. Transparency is dropped, as in mmcv's
        loading.

    Raises:
        UnusableImageError: If it is missing, broken or too large; the message names the reason.
    """
    try:
        with _without_pil_limit(), Image.open(path) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise UnusableImageError(
                    f'{width} x {height} is {width * height:,} pixels, more than --max-pixels '
                    f'{max_pixels:,}'
                )
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except UnusableImageError:
        raise
    except FileNotFoundError:
        raise UnusableImageError('the file does not exist') from None
    except UnidentifiedImageError:
        raise UnusableImageError('not an image, or of an unknown format') from None
    except Exception as error:  # Decoders raise any error for a broken file.
        reason = str(error).replace(repr(path), '').strip(' :')
        raise UnusableImageError(f'{type(error).__name__}: {reason}') from error


@contextmanager
def _without_pil_limit() -> Iterator[None]:
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith('I'):
        # 16 bits; PIL would clip them at 255 and leave an almost white image.
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise UnusableImageError(f'mode {image.mode} with values beyond 16 bits')
        image = Image.fromarray((values >> 8).astype(np.uint8))
    elif image.mode == 'F':
        raise UnusableImageError('mode F (floating point) is not a photograph')
    return image.convert('RGB')


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
        max_pixels (int): See :func:`open_rgb`.
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
        worker_init_fn=_reset_signals,
        prefetch_factor=2 if processes else None,
    )


def _reset_signals(worker: int) -> None:
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
