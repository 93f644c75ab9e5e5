"""Match the keys of a caption file with image paths."""

import posixpath
import unicodedata
from collections.abc import Iterable, Iterator

from mmtadp.utils.image_sources import IMAGE_EXTENSIONS

from .formats import CaptionFileError

KEY_POLICIES = ('auto', 'stem', 'filename', 'relpath')


def resolve_policy(keys: Iterable[str], policy: str, path: str) -> str:
    """Return the key policy of one file.

    ``'auto'`` looks at every key: without folders and image extensions they are stems; with an
    image extension and without folders, file names; with an image extension each and folders in
    some or all, relative paths. Any other mixture is an error, so the answer never depends on
    the order of keys or on the images.

    Args:
        keys (Iterable[str]): All keys of one file.
        policy (str): One of :data:`KEY_POLICIES`. Only ``'auto'`` is resolved.
        path (str): The file, for messages.

    Returns:
        str: ``'stem'``, ``'filename'`` or ``'relpath'``.

    Raises:
        CaptionFileError: If ``'auto'`` finds keys of several kinds.
    """
    if policy != 'auto':
        return policy
    examples = {}
    for key in keys:
        examples.setdefault(('/' in key, _has_extension(key)), key)
    if examples.keys() == {(False, False)}:
        return 'stem'
    if examples.keys() == {(False, True)}:
        return 'filename'
    if examples.keys() <= {(True, True), (False, True)}:
        return 'relpath'
    kinds = {
        (False, False): 'stem',
        (False, True): 'file name',
        (True, False): 'path without an image extension',
        (True, True): 'relative path',
    }
    found = ', '.join(f'{key!r} ({kinds[kind]})' for kind, key in sorted(examples.items()))
    raise CaptionFileError(
        f"{path}: key='auto' cannot tell what the keys are: {found}. Write all keys one way, or "
        "set key='stem', 'filename' or 'relpath'."
    )


def auto_suffices(keys: Iterable[str], policy: str, path: str) -> bool:
    """Return whether the keys of one file fit the same images under ``'auto'`` and ``policy``.

    Args:
        keys (Iterable[str]): All keys of one file.
        policy (str): ``'stem'``, ``'filename'`` or ``'relpath'``.
        path (str): The file, for messages.
    """
    keys = list(keys)
    try:
        auto = resolve_policy(keys, 'auto', path)
    except CaptionFileError:
        return False
    return all(key_pattern(key, auto, path) == key_pattern(key, policy, path) for key in keys)


def normalise(name: str) -> str:
    """Return a key, a path or a part of one in the form in which look-ups compare them.

    A letter with an accent has two forms in Unicode: one character (NFC), or two (NFD), which
    names of files often have after a copy or an archive from a Mac. The form here is NFC.
    """
    return unicodedata.normalize('NFC', name)


def index_keys(keys: Iterable[str], policy: str, path: str) -> dict[str, str]:
    """Return the keys of one file by their patterns.

    Args:
        keys (Iterable[str]): All keys of one file.
        policy (str): ``'stem'``, ``'filename'`` or ``'relpath'``.
        path (str): The file, for messages.

    Returns:
        dict[str, str]: Pattern of :func:`key_pattern` to key.

    Raises:
        CaptionFileError: If two keys name the same image, or one names a folder.
    """
    index: dict[str, str] = {}
    for key in keys:
        other = index.setdefault(key_pattern(key, policy, path), key)
        if other != key:
            raise CaptionFileError(
                f'{path}: keys {show_pair(other, key)} name the same image under '
                f'key={policy!r}. {_finer_policy(other, key, policy)}'
            )
    return index


def show_pair(one: str, other: str) -> str:
    """Return two different names as ``'a' and 'b'``, so that a reader sees the difference."""
    if normalise(one) == normalise(other):
        return f'{one!a} and {other!a} (two Unicode forms of {one!r})'
    return f'{one!r} and {other!r}'


def _finer_policy(one: str, other: str, policy: str) -> str:
    if policy == 'relpath' or normalise(one) == normalise(other):
        return 'Keep one.'
    if policy == 'stem':
        return "Use key='filename' or 'relpath', which keep the difference."
    return "Use key='relpath', which keeps the folders."


def key_pattern(key: str, policy: str, path: str) -> str:
    """Return a key as a pattern of the paths of its images.

    Args:
        key (str): A key as written in the file.
        policy (str): ``'stem'``, ``'filename'`` or ``'relpath'``.
        path (str): The file, for messages.

    Returns:
        str: ``'night/a.png'`` for a relative path, ``'a.png'`` for a file name and ``'a.*'`` for
        a stem, as a shell would write it; normalised.

    Raises:
        CaptionFileError: If the key ends in a folder.
    """
    key = normalise(key)
    name = posixpath.basename(key)
    if not name:
        raise CaptionFileError(f'{path}: key {key!r} names a folder, not an image.')
    if policy == 'stem':
        return (posixpath.splitext(name)[0] if _has_extension(name) else name) + '.*'
    return name if policy == 'filename' else key.removeprefix('./').lstrip('/')


def path_patterns(path: str) -> Iterator[str]:
    """Yield the patterns that match an image path, the shortest first.

    Args:
        path (str): Path with forward slashes, such as ``'/data/night/a.png'``.

    Yields:
        str: ``'a.*'``, ``'a.png'``, ``'night/a.png'``, ``'data/night/a.png'``, ...; normalised.
    """
    path = normalise(path).lstrip('/')
    end = path.rfind('/')
    yield posixpath.splitext(path[end + 1 :])[0] + '.*'
    while end >= 0:
        yield path[end + 1 :]
        end = path.rfind('/', 0, end)
    yield path


def _has_extension(key: str) -> bool:
    return key.lower().endswith(IMAGE_EXTENSIONS)
