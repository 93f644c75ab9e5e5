"""Read image files as training reads them, and say why one cannot be used."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import mmcv
import numpy as np
from PIL import Image, UnidentifiedImageError

DEFAULT_MAX_PIXELS = 100_000_000

_KINDS = (
    (stat.S_ISDIR, 'a folder'),
    (stat.S_ISFIFO, 'a named pipe'),
    (stat.S_ISSOCK, 'a socket'),
    (stat.S_ISCHR, 'a device'),
    (stat.S_ISBLK, 'a device'),
)


class UnusableImageError(ValueError):
    """A file that is not a usable image; the message is the reason, without the name."""


def open_rgb(path: str | os.PathLike, max_pixels: int = DEFAULT_MAX_PIXELS) -> Image.Image:
    """Read an image as mmcv's ``LoadImageFromFile`` does: upright, 8 bits, three channels.

    A captioner and the model that reads its captions thereby see the same pixels. The decoder is
    OpenCV, by :func:`mmcv.imfrombytes`: it turns JPEG, PNG and TIFF by their EXIF orientation, but
    not WebP; it takes the first frame of an animation, and the upper 8 of 16 bits.

    Args:
        path (str | PathLike): An image file.
        max_pixels (int): Larger images are not decoded: a file of some kilobytes can claim
            gigabytes of memory.

    Returns:
        Image: Mode RGB.

    Raises:
        UnusableImageError: If it is missing, is not a regular file (opening a named pipe would
            wait for ever), is broken or is too large; the message is the reason.
    """
    path = os.fspath(path)
    try:
        check_kind(path)
        _check_size(path, max_pixels)
        with open(path, 'rb') as file:
            content = file.read()
        with _quiet_decoder():
            pixels = mmcv.imfrombytes(content, backend='cv2')
    except UnusableImageError:
        raise
    except FileNotFoundError:
        raise UnusableImageError('the file does not exist') from None
    except Exception as error:  # Decoders raise any error for a broken file.
        raise UnusableImageError(_reason(error, path)) from error
    if pixels is None:
        raise UnusableImageError(_why_not_decoded(path))
    return Image.fromarray(np.ascontiguousarray(pixels[..., ::-1]))


def check_kind(path: str) -> None:
    """Check that a path is a regular file, before opening it.

    Raises:
        UnusableImageError: If it is a folder, a named pipe, whose reading would wait for ever, ...
        OSError: If it does not exist.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS if test(mode)), 'something else')
        raise UnusableImageError(f'{kind}, not a file')


def _check_size(path: str, max_pixels: int) -> None:
    """Read the header, which is quick and takes no memory."""
    try:
        with _without_pil_limit(), Image.open(path) as image:
            width, height = image.size
    except UnidentifiedImageError:
        raise UnusableImageError('not an image, or of an unknown format') from None
    if width * height > max_pixels:
        raise UnusableImageError(
            f'{width} x {height} is {width * height:,} pixels, more than --max-pixels '
            f'{max_pixels:,}'
        )


def _why_not_decoded(path: str) -> str:
    """Return PIL's reason: OpenCV has none."""
    try:
        with _without_pil_limit(), Image.open(path) as image:
            if image.mode in ('F', 'I'):
                return f'mode {image.mode} (32 bits) is not a photograph'
            image.load()
    except Exception as error:
        return _reason(error, path)
    return 'OpenCV, which also decodes it for training, cannot decode it'


def _reason(error: Exception, path: str) -> str:
    lines = str(error).replace(repr(path), '').strip(' :\n').splitlines()
    return f'{type(error).__name__}: {lines[0] if lines else "no reason given"}'


@contextmanager
def _without_pil_limit() -> Iterator[None]:
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


@contextmanager
def _quiet_decoder() -> Iterator[None]:
    # The error is raised with the name of the image; OpenCV's own lines have none.
    level = cv2.setLogLevel(0)
    try:
        yield
    finally:
        cv2.setLogLevel(level)
