"""Look up the captions of a dataset's images, read from one or several files."""

import difflib
import os
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from logging import WARNING
from typing import NamedTuple
from weakref import WeakValueDictionary

from mmengine.logging import print_log

from mmtadp.utils.arguments import check_choice
from mmtadp.utils.errors import RunError

from .formats import CaptionFileError, and_more, read_caption_file
from .keys import KEY_POLICIES, index_keys, normalise, path_patterns, resolve_policy, show_pair
from .packed import PackedStrings

AnnFile = str | os.PathLike | Sequence[str | os.PathLike]

# Stores in use in this process, by files and key policy. Weak references: a store is freed with
# the last dataset that uses it.
_LOADED: WeakValueDictionary = WeakValueDictionary()

# Above this many keys a miss is compared with its neighbours in sorted order only.
_SIMILAR_KEYS = 20_000


class KeyedEntry(NamedTuple):
    """The captions of an image, and where they are written.

    Attributes:
        captions (tuple[str, ...]): The captions.
        key (str): The key of the entry.
        path (str): The caption file.
    """

    captions: tuple[str, ...]
    key: str
    path: str


class CaptionStore:
    """Captions of images, looked up by image path.

    Make one with :meth:`load`. A store is immutable: a copy is the store itself, datasets of one
    process that name the same files share one store, and forked dataloader workers read their
    parent's memory. Each image's captions are in the order of the file, without blank or
    repeated ones.

    **Key policy.** A file's keys name images in one of three ways:

    - ``'stem'``: file name without extension (``2008_000002``). Folders and image extensions in
      the keys are dropped, so captions keyed ``a.png`` fit images ``a.jpg``.
    - ``'filename'``: file name (``2008_000002.jpg``). Folders in the keys are dropped.
    - ``'relpath'``: path relative to the image folder (``night/GOPR0356/0001.png``). A key fits
      an image whose path ends with ``/key``, so the folder itself need not be given.

    ``'auto'`` decides per file by all of its keys (:func:`~.keys.resolve_policy`). No image ever
    has two candidate entries to choose from: two keys of one file that the policy makes equal are
    an error, and so are entries that fit a common image (the same key in two files; ``a.png``
    next to ``night/a.png``; stem ``a`` next to file name ``a.png``) if their captions differ.

    Attributes:
        paths (tuple[str]): Absolute paths of the files.
        policies (tuple[str]): The key policy of each file.
        blank (tuple[tuple[str, str]]): Path and key of each entry with a blank caption.
    """

    def __init__(self, paths: Sequence[str], key: str = 'auto'):
        self.paths = tuple(paths)
        files = [(path, read_caption_file(path)) for path in self.paths]
        self.policies = tuple(resolve_policy(entries, key, path) for path, entries in files)

        blank = []
        merged: dict[str, KeyedEntry] = {}
        for (path, entries), policy in zip(files, self.policies, strict=True):
            for pattern, file_key in index_keys(entries, policy, path).items():
                captions = entries[file_key]
                if '' in captions:
                    blank.append((path, file_key))
                    captions = tuple(filter(None, captions))
                if captions:
                    entry = KeyedEntry(captions, file_key, path)
                    _check_agreement(entry, merged.setdefault(pattern, entry))
        self.blank = tuple(blank)
        check_overlaps(merged)

        patterns = sorted(merged)
        self._patterns = PackedStrings(patterns)
        self._captions = PackedStrings(
            caption for pattern in patterns for caption in merged[pattern].captions
        )
        self._ends = array('q', [0])  # pattern i has captions _ends[i] to _ends[i + 1]
        for pattern in patterns:
            self._ends.append(self._ends[-1] + len(merged[pattern].captions))
        self._longest = max((pattern.count('/') for pattern in patterns), default=0)

    @classmethod
    def load(
        cls, ann_file: AnnFile, key: str = 'auto', allow_blank: bool = False
    ) -> 'CaptionStore':
        """Read caption files, once per process for the same files and key policy.

        Args:
            ann_file (str | PathLike | Sequence): One path or several; relative ones are relative
                to the working directory.
            key (str): Key policy: ``'auto'``, ``'stem'``, ``'filename'`` or ``'relpath'``.
            allow_blank (bool): Leave blank captions out instead of raising.

        Returns:
            CaptionStore: The captions.

        Raises:
            FileNotFoundError: If a file does not exist.
            CaptionFileError: If a file is not JSON or has the wrong schema, keys are ambiguous,
                or a caption is blank.
            ValueError: If an argument has a value that does not exist.
        """
        check_choice('key', key, KEY_POLICIES)
        names = [ann_file] if isinstance(ann_file, str | os.PathLike) else ann_file
        if (
            not isinstance(names, Sequence)
            or not names
            or not all(isinstance(name, str | os.PathLike) for name in names)
        ):
            raise RunError(
                f'ann_file={ann_file!r}: expected the path of a caption file, or a list of them'
            )
        paths = [os.path.abspath(name) for name in names]
        source = (key, *((path, _version(path)) for path in paths))
        store = _LOADED.get(source)
        if store is None:
            store = _LOADED[source] = cls(paths, key)
            for path, policy in zip(store.paths, store.policies, strict=True):
                print_log(f'Captions: {path} (keys read as {policy})', logger='current')
            print_log(f'Captions: {len(store):,} images have one', logger='current')
        if store.blank:
            path, file_key = store.blank[0]
            problem = f'{path}: the caption of {file_key!r} is empty{and_more(store.blank)}'
            if not allow_blank:
                raise CaptionFileError(
                    f"{problem}. Caption these images, or set missing='null' to use the empty "
                    'caption for them.'
                )
            print_log(f'{problem}; left out.', logger='current', level=WARNING)
        return store

    def find(self, img_path: str) -> list[str]:
        """Look up the captions of an image.

        Args:
            img_path (str): Path of the image.

        Returns:
            list[str]: The image's captions, at least one, or an empty list if it has none.
        """
        # The absolute path, because a key may be longer than a relative path.
        path = os.path.abspath(img_path).replace(os.sep, '/')
        for depth, pattern in enumerate(path_patterns(path)):
            if depth > self._longest + 1:
                break
            index = bisect_left(self._patterns, pattern)
            if index < len(self._patterns) and self._patterns[index] == pattern:
                return [self._captions[i] for i in range(*self._ends[index : index + 2])]
        return []

    def explain_miss(self, img_path: str) -> str:
        """Return a message for an image without captions, with the keys that are most similar."""
        stem = _stem(normalise(img_path))
        files = ', '.join(
            f'{path} (keys read as {policy})'
            for path, policy in zip(self.paths, self.policies, strict=True)
        )
        message = f'no caption for image {img_path} in {files}.'
        same_stem = next((pattern for pattern in self._patterns if _stem(pattern) == stem), None)
        if same_stem is not None:
            return (
                f'{message} Key {same_stem!r} has the same stem, but the path does not end with '
                "it; if it names this image, key='stem' finds it."
            )
        similar = self._similar(stem)
        if similar:
            return f'{message} The most similar of {len(self):,} keys: {", ".join(similar)}.'
        first = _as_key(self._patterns[0]) if len(self) else 'none'
        return f'{message} None of {len(self):,} keys is similar; the first is {first}.'

    def _similar(self, stem: str) -> list[str]:
        middle = bisect_left(self._patterns, stem)
        start = max(0, min(middle - _SIMILAR_KEYS // 2, len(self) - _SIMILAR_KEYS))
        stop = min(start + _SIMILAR_KEYS, len(self))
        # Mistakes in keys that people write: case, spaces at the ends, another system's slashes.
        near = {
            _stem(self._patterns[i].replace('\\', '/')).strip().casefold(): self._patterns[i]
            for i in range(start, stop)
        }
        matches = difflib.get_close_matches(stem.strip().casefold(), near, n=3)
        return [_as_key(near[match]) for match in matches]

    def __len__(self) -> int:
        """Return the number of images with captions."""
        return len(self._patterns)

    def __copy__(self) -> 'CaptionStore':
        return self

    def __deepcopy__(self, memo: dict) -> 'CaptionStore':
        return self


def _check_agreement(entry: KeyedEntry, other: KeyedEntry) -> None:
    if entry.captions == other.captions:
        return
    difference = f'{other.captions[0]!r} and {entry.captions[0]!r}'
    if normalise(entry.key) == normalise(other.key):
        key = repr(entry.key) if entry.key == other.key else show_pair(other.key, entry.key)
        raise CaptionFileError(
            f'key {key} has different captions in {other.path} and in {entry.path}: '
            f'{difference}. Keep one of them.'
        )
    raise CaptionFileError(
        f'key {other.key!r} of {other.path} and key {entry.key!r} of {entry.path} fit the same '
        f'image but have different captions: {difference}. Write the shorter key with the folder '
        "its image is in (key='relpath'), or remove one of them."
    )


def check_overlaps(merged: Mapping[str, KeyedEntry]) -> None:
    """Check that no image has two candidate entries that differ.

    Args:
        merged (Mapping[str, KeyedEntry]): By the pattern of the key.

    Raises:
        CaptionFileError: If one has.
    """
    stems = sum(pattern.endswith('.*') for pattern in merged)
    if stems in (0, len(merged)) and not any('/' in pattern for pattern in merged):
        return  # All stems or all file names: only equal patterns overlap.
    for pattern, entry in merged.items():
        for shorter in path_patterns(pattern):
            if shorter in merged:
                _check_agreement(entry, merged[shorter])


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _as_key(pattern: str) -> str:
    return repr(pattern.removesuffix('.*'))


def _version(path: str) -> tuple[int, int] | None:
    """Return a value that changes when the file does."""
    if not os.path.isfile(path):
        return None
    stat = os.stat(path)
    return stat.st_mtime_ns, stat.st_size
