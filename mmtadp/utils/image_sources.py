"""Find the image files that a folder, a list, a glob or a config names."""

import glob
import os
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .config_files import read_config
from .errors import RunError
from .text_files import read_lines

# fmt: off
IMAGE_EXTENSIONS = (
    '.bmp', '.gif', '.jp2', '.jpeg', '.jpg', '.pgm', '.png', '.ppm', '.tif', '.tiff', '.webp',
)
# fmt: on
CONFIG_EXTENSIONS = ('.py', '.json', '.yaml', '.yml')
SOURCES = (
    'a folder (searched with its subfolders), an image, a text file with one image per line, a '
    "quoted glob such as 'data/*/images/*.jpg', or an mmseg or mmdet config"
)


class ImageFile(NamedTuple):
    """An image and the folder that a relative key of it starts from, both absolute."""

    path: str
    root: str


def find_images(
    source: str,
    root: str | None = None,
    splits: Sequence[str] = ('train', 'val', 'test'),
    cfg_options: dict | None = None,
) -> list[ImageFile]:
    """Return the images that a source names.

    Args:
        source (str): One of :data:`SOURCES`. Lines of a text file are paths, relative to
            ``root``. They may leave the image extension out, have backslashes, and have another
            Unicode form than the name of the file; text after a tab is ignored.
        root (str, optional): Folder that relative keys start from. Defaults to the folder
            itself, the folder of the text file, the part of a glob before its first wildcard, or
            the image folder of each dataset of a config.
        splits (Sequence[str]): For a config: some of 'train', 'val' and 'test'.
        cfg_options (dict, optional): For a config: settings that override it.

    Returns:
        list[ImageFile]: In the order of their paths (folder, glob) or in the source's own, each
        once.

    Raises:
        RunError: If the source does not exist or has no image.
    """
    if os.path.isdir(source):
        images = [ImageFile(path, source) for path in sorted(_walk(source))]
    elif os.path.isfile(source):
        images = _from_file(source, root, splits, cfg_options)
    elif glob.has_magic(source):
        start = _constant_part(source)
        found = sorted(glob.glob(source, recursive=True))
        images = [ImageFile(path, start) for path in found if _is_image(path)]
    else:
        problem = 'is a pipe or a device' if os.path.exists(source) else 'does not exist'
        raise RunError(f'{source!r} {problem}. Expected {SOURCES}.')
    if not images:
        raise RunError(f'{source!r} has no image; known extensions: {" ".join(IMAGE_EXTENSIONS)}.')
    unique = {}
    for path, start in images:
        path = os.path.abspath(path)
        start = os.path.abspath(start if root is None else root)
        unique.setdefault(path, ImageFile(path, start))
    return list(unique.values())


def _from_file(
    source: str, root: str | None, splits: Sequence[str], cfg_options: dict | None
) -> list[ImageFile]:
    extension = os.path.splitext(source)[1].lower()
    if extension in IMAGE_EXTENSIONS:
        return [ImageFile(source, os.path.dirname(os.path.abspath(source)))]
    if extension in CONFIG_EXTENSIONS:
        from .config_datasets import config_images

        config = read_config(source, cfg_options)
        return [ImageFile(*image) for image in config_images(config, source, splits)]
    start = os.path.dirname(os.path.abspath(source)) if root is None else root
    return [ImageFile(path, start) for path in _listed(source, start)]


def _walk(folder: str) -> Iterator[str]:
    """Yield the images below a folder; follow links to folders, each folder once."""
    seen = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        # Hidden files are left out as well: macOS leaves '._a.jpg', which is not an image, next to
        # a.jpg on the disks of other systems.
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        for name in files:
            if _is_image(name) and not name.startswith('.'):
                yield os.path.join(parent, name)


def _listed(source: str, root: str) -> list[str]:
    try:
        lines = [line.split('\t')[0].strip() for line in read_lines(source)]
    except RunError as error:
        raise RunError(f'{error} Expected {SOURCES}.') from error
    lines = [line for line in lines if line]
    paths = [_find(root, line) or os.path.join(root, line) for line in lines]
    if paths and not any(map(os.path.isfile, paths)):
        columns = [line for line in lines if _find(root, line.split()[0])]
        if columns:
            raise RunError(
                f'{source}: lines have more than a path, such as {columns[0]!r}. Keep the first '
                'column, or separate the columns by a tab.'
            )
        raise RunError(
            f'{source}: none of the {len(paths):,} images it lists exists, such as {paths[0]}. '
            'Paths are relative to the folder of the list, or to --root.'
        )
    return paths


def _find(root: str, line: str) -> str | None:
    """Return the file that a line of a list names, or None."""
    for name in (line, line.replace('\\', '/')):
        for form in (name, *(unicodedata.normalize(form, name) for form in ('NFC', 'NFD'))):
            path = os.path.join(root, form)
            if os.path.isfile(path):
                return path
            if _is_image(path):
                continue
            # VOC's lists of images have stems.
            for extension in (*IMAGE_EXTENSIONS, *map(str.upper, IMAGE_EXTENSIONS)):
                if os.path.isfile(path + extension):
                    return path + extension
    return None


def _constant_part(pattern: str) -> str:
    folder = pattern
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder or '.'


def _is_image(path: str) -> bool:
    return path.lower().endswith(IMAGE_EXTENSIONS)
