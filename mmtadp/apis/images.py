"""Images that a user hands to the Python API."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmtadp.utils.errors import RunError
from mmtadp.utils.image_files import UnusableImageError, open_rgb

Image = str | Path | np.ndarray
_EXPECTED = 'Expected a BGR image, (H, W, 3) in [0, 255], uint8 or floats'


def check_images(images: Image | Sequence[Image]) -> list[str | np.ndarray]:
    """Return images as a list of paths and arrays, after checking them.

    Args:
        images (str | Path | np.ndarray | Sequence): One image or several.

    Raises:
        RunError: If a file does not exist, or an array does not look like an image in [0, 255].
    """
    if isinstance(images, (str, Path, np.ndarray)):
        return [_check_one(images, 'the image')]
    try:
        images = list(images)
    except TypeError:
        raise RunError(
            f'images must be a path, an array or a list of these, got {images!r} '
            f'({type(images).__name__})'
        ) from None
    return [_check_one(image, f'image {index}') for index, image in enumerate(images)]


def _check_one(image: Image, name: str) -> str | np.ndarray:
    if isinstance(image, np.ndarray):
        return check_array(image, name)
    if not isinstance(image, (str, Path)):
        raise RunError(
            f'{name} must be a path or an array, got {image!r:.80} ({type(image).__name__}).'
        )
    path = Path(image)
    if '://' in str(image) or path.is_file():
        return str(image)
    if path.is_dir():
        raise RunError(f'{name}, {path}, is a folder: give the images in it as a list.')
    raise RunError(f'{name}, {path}, is not a file (looked at {path.absolute()}).')


def check_array(image: np.ndarray, name: str = 'the image') -> np.ndarray:
    """Return an array, after checking that it can be an image in [0, 255].

    Args:
        image (np.ndarray): The array.
        name (str): What it is called in messages.

    Raises:
        RunError: If its shape, type or values are others.
    """
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise RunError(
            f'{name} is an array of shape {image.shape}. {_EXPECTED}; give several as a list.'
        )
    if image.dtype == np.uint8:
        return image
    if not np.issubdtype(image.dtype, np.floating):
        raise RunError(
            f'{name} is an array of {image.dtype} from {image.min()} to {image.max()}. '
            f'{_EXPECTED}; convert it to uint8.'
        )
    low, high = float(image.min()), float(image.max())
    if not np.isfinite([low, high]).all():
        raise RunError(f'{name} is an array with NaN or infinity. {_EXPECTED}.')
    if low < 0 or high > 255 or 0 < high <= 1:
        scaled = ' Multiply values in [0, 1] by 255.' if 0 <= low <= high <= 1 else ''
        raise RunError(
            f'{name} is an array of {image.dtype} from {low:g} to {high:g}. {_EXPECTED}.{scaled}'
        )
    return image.astype(np.float32)


def explain_unreadable(path: str) -> str | None:
    """Return why a file cannot be read as an image, or None if it can."""
    try:
        open_rgb(path)
    except UnusableImageError as error:
        return f'{path} cannot be read as an image: {error}.'
    return None
