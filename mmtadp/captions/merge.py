"""Join caption files."""

from collections.abc import Sequence

from mmtadp.utils.errors import RunError

from .formats import CaptionFileError, Entry, read_entries
from .keys import key_pattern, normalise, resolve_policy, show_pair
from .store import KeyedEntry, check_overlaps
from .write import ResultFiles, make_provenance, read_list, source_provenance

ON_CONFLICT = ('error', 'first', 'last', 'all')


def merge_files(
    sources: Sequence[str], out: str, on_conflict: str = 'error', overwrite: bool = False
) -> tuple[int, int]:
    """Join caption files, their provenance and their lists of skipped images.

    Args:
        sources (Sequence[str]): Caption files of any schema.
        out (str): The file to write, in the authors' schema, entries in the order of keys.
        on_conflict (str): For an image with different captions in two files: ``'error'`` stops,
            ``'first'`` and ``'last'`` take those of that file, ``'all'`` takes both. Defaults to
            ``'error'``.
        overwrite (bool): Whether ``out`` may exist. Defaults to False.

    Returns:
        tuple[int, int]: Number of images, and of conflicts among them.

    Raises:
        FileNotFoundError: If a source does not exist.
        CaptionFileError: If a source is not a caption file.
        RunError: If captions differ and ``on_conflict`` is 'error', if two keys fit the same
            image, or if ``out`` exists.
    """
    if on_conflict not in ON_CONFLICT:
        raise RunError(f'on_conflict={on_conflict!r}: expected one of {", ".join(ON_CONFLICT)}')
    files = ResultFiles.new(out, overwrite)
    merged: dict[str, Entry] = {}
    first_source: dict[str, str] = {}
    spelling: dict[str, str] = {}  # of the first file, by normalised key
    conflicts = set()
    for source in sources:
        for written, entry in read_entries(source).items():
            key = spelling.setdefault(normalise(written), written)
            known = merged.setdefault(key, entry)
            if _differ(known, entry):
                conflicts.add(key)
                if on_conflict == 'error':
                    names = repr(key) if key == written else show_pair(key, written)
                    raise RunError(_conflict(names, known, first_source[key], entry, source))
                merged[key] = _settle(known, entry, on_conflict)
            first_source.setdefault(key, source)
    _check_keys(merged, first_source)
    # The sources are read before one of them may be overwritten.
    settings = dict(merged=list(map(source_provenance, sources)), on_conflict=on_conflict)
    files.write(merged, make_provenance(settings), _skipped(sources))
    return len(merged), len(conflicts)


def _check_keys(merged: dict[str, Entry], sources: dict[str, str]) -> None:
    """Check that a loader accepts the keys together; messages name the sources."""
    try:
        policy = resolve_policy(merged, 'auto', 'the merged file')
    except CaptionFileError as error:
        kinds = {}
        for key, source in sources.items():
            kinds.setdefault(source, []).append(key)
        for source, keys in kinds.items():
            resolve_policy(keys, 'auto', source)  # Of one file, its own error.
        found = ', '.join(f'{source} has {keys[0]!r}' for source, keys in kinds.items())
        raise RunError(
            f'the files write their keys in different ways: {found}. Write all keys as stems, as '
            'file names, or as relative paths.'
        ) from error
    check_overlaps(
        {
            key_pattern(key, policy, sources[key]): KeyedEntry(entry.captions, key, sources[key])
            for key, entry in merged.items()
        }
    )


def _differ(known: Entry, entry: Entry) -> bool:
    labels = {known.class_label, entry.class_label} - {None}
    return known.captions != entry.captions or len(labels) > 1


def _settle(known: Entry, entry: Entry, on_conflict: str) -> Entry:
    if on_conflict == 'first':
        return known
    if on_conflict == 'last':
        return entry
    captions = dict.fromkeys((*known.captions, *entry.captions))
    label = known.class_label if known.class_label is not None else entry.class_label
    return Entry(tuple(captions), label)


def _conflict(names: str, known: Entry, first: str, entry: Entry, second: str) -> str:
    if known.captions == entry.captions:
        values = f'class labels: {known.class_label} and {entry.class_label}'
    else:
        values = f'captions: {known.captions[0]!r} and {entry.captions[0]!r}'
    return (
        f'key {names} has different {values}, in {first} and in {second}. Keep one with '
        '--on-conflict first or last, or all captions with --on-conflict all.'
    )


def _skipped(sources: Sequence[str]) -> dict[str, str]:
    skipped = {}
    for source in sources:
        path = ResultFiles(source).skipped
        if path.is_file():
            skipped.update(read_list(path))
    return skipped
