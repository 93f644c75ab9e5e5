"""Assign keys to the images of a new caption file."""

import os
from collections.abc import Iterable

from mmtadp.utils.errors import RunError
from mmtadp.utils.image_sources import ImageFile

from .keys import key_pattern, normalise, path_patterns, show_pair

POLICIES = ('stem', 'filename', 'relpath')


def assign_keys(images: Iterable[ImageFile], policy: str) -> dict[str, str]:
    """Give each image a key that fits this image and no other one.

    Args:
        images (Iterable[ImageFile]): The images.
        policy (str): ``'stem'`` (``a``), ``'filename'`` (``a.png``) or ``'relpath'``
            (``night/a.png``, the path relative to the image's root).

    Returns:
        dict[str, str]: Key, normalised, to path, in the order of the keys.

    Raises:
        RunError: If two images would get one key, if a key would be read as naming
            another image, or if an image is outside its root.
    """
    if policy not in POLICIES:
        raise RunError(f'key policy {policy!r}: expected one of {", ".join(POLICIES)}')
    paths: dict[str, str] = {}
    for image in images:
        _check_text(image.path)
        key = normalise(_key(image, policy))
        if paths.setdefault(key, image.path) != image.path:
            raise RunError(
                f'{show_pair(paths[key], image.path)} have the same key {key!r} under --key '
                f'{policy}. {_remedy(policy)}'
            )
    patterns = {key_pattern(key, policy, 'the new file'): key for key in paths}
    for key, path in paths.items():
        _check_lookup(key, path, policy, patterns, paths)
    return dict(sorted(paths.items()))


def _key(image: ImageFile, policy: str) -> str:
    name = os.path.basename(image.path)
    if policy == 'stem':
        return os.path.splitext(name)[0]
    if policy == 'filename':
        return name
    key = os.path.relpath(image.path, image.root).replace(os.sep, '/')
    if key.startswith('../'):
        raise RunError(
            f'{image.path} is not inside {image.root}, so it has no relative key: name a folder '
            'above all images with --root, or use --key stem or filename.'
        )
    return key


def _check_text(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise RunError(
            f'the file name {path!r} is not UTF-8, so it cannot be written into a JSON file: '
            'rename the image or its folder.'
        ) from None


def _check_lookup(
    key: str, path: str, policy: str, patterns: dict[str, str], paths: dict[str, str]
) -> None:
    """Check that a lookup of the path finds this key and no other."""
    matching = [patterns[pattern] for pattern in path_patterns(path) if pattern in patterns]
    if key not in matching:
        raise RunError(
            f'{path}: the key {key!r} would be read as a name with an image extension, which does '
            'not fit this image: use --key filename or relpath.'
        )
    other = next((other for other in matching if other != key), None)
    if other is not None:
        raise RunError(
            f'the key {other!r} of {paths[other]} would also fit {path}, whose key is {key!r}: '
            'name a folder further up with --root, so that each key includes its folder.'
        )


def _remedy(policy: str) -> str:
    if policy == 'stem':
        return 'Use --key filename or relpath, which keep what tells them apart.'
    if policy == 'filename':
        return 'Use --key relpath, which keeps the folders.'
    return 'Name a folder above both with --root, or rename one.'
