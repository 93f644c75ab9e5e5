"""Caption files joined into one."""

import json
from collections.abc import Sequence
from pathlib import Path

from mmtadp.utils.atomic_files import write_json
from mmtadp.utils.resumable import RunError

from . import CaptionFileError, CaptionStore
from .entries import Entry, read_entries
from .write import ResultFiles, make_provenance, sha256, write_captions, write_list

ON_CONFLICT = ('error', 'first', 'last', 'all')


def merge_files(
    sources: Sequence[str], out: str, on_conflict: str = 'error', overwrite: bool = False
) -> tuple[int, int]:
    """Joins caption files, with what they say of their origin and of skipped images.

    Args:
        sources (Sequence[str]): Caption files of any schema.
        out (str): The file to write, in the authors' schema, entries in the order of keys.
        on_conflict (str): What becomes of an image with different captions in two files:
            'error', the 'first' or 'last' file's, or 'all' of them.
        overwrite (bool): Whether ``out`` may exist.

    Returns:
        tuple[int, int]: Number of images, and of conflicts among them.

    Raises:
        FileNotFoundError: If a source does not exist.
        CaptionFileError: If one is no caption file, or keys of two kinds fit the same image.
        RunError: If captions differ and ``on_conflict`` is 'error', or ``out`` exists.
    """
    if on_conflict not in ON_CONFLICT:
        raise RunError(f'on_conflict={on_conflict!r}: expected one of {", ".join(ON_CONFLICT)}')
    files = ResultFiles(out)
    if files.captions.exists() and not overwrite:
        raise RunError(f'{out} exists: name another --out, or replace it with --overwrite.')
    merged: dict[str, Entry] = {}
    origins: dict[str, str] = {}
    conflicts = set()
    for source in sources:
        for key, entry in read_entries(source).items():
            known = merged.setdefault(key, entry)
            if _differ(known, entry):
                conflicts.add(key)
                if on_conflict == 'error':
                    raise RunError(_conflict(key, known, origins[key], entry, source))
                merged[key] = _settle(known, entry, on_conflict)
            origins.setdefault(key, source)
    content = [origin(source) for source in sources]  # before one of them is overwritten
    skipped = _skipped(sources)
    write_checked(files, merged)
    provenance = make_provenance(dict(merged=content, on_conflict=on_conflict))
    write_json(files.provenance, {**provenance, 'sha256': sha256(files.captions)})
    write_list(files.skipped, skipped)
    return len(merged), len(conflicts)


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


def _conflict(key: str, known: Entry, first: str, entry: Entry, second: str) -> str:
    if known.captions == entry.captions:
        what = f'class labels: {known.class_label} and {entry.class_label}'
    else:
        what = f'captions: {known.captions[0]!r} and {entry.captions[0]!r}'
    return (
        f'key {key!r} has different {what}, in {first} and in {second}. Keep one with '
        '--on-conflict first or last, or all captions with --on-conflict all.'
    )


def write_checked(files: ResultFiles, merged: dict[str, Entry]) -> None:
    """Writes a caption file if the loader can read it: no two keys may fit one image.

    Args:
        files (ResultFiles): Where to.
        merged (dict[str, Entry]): By key.

    Raises:
        RunError: If it could not be read.
    """
    trial = files.captions.with_suffix('.unchecked.json')
    try:
        write_captions(trial, {key: entry.as_json() for key, entry in merged.items()})
        CaptionStore([str(trial)])
        trial.replace(files.captions)
    except CaptionFileError as error:
        raise RunError(str(error).replace(str(trial), str(files.captions))) from error
    finally:
        trial.unlink(missing_ok=True)


def origin(source: str) -> dict:
    """What a caption file is, for the provenance of one made from it."""
    provenance = ResultFiles(source).provenance
    known = json.loads(provenance.read_text('utf-8')) if provenance.is_file() else None
    return dict(file=str(source), sha256=sha256(Path(source)), provenance=known)


def _skipped(sources: Sequence[str]) -> dict[str, str]:
    skipped = {}
    for source in sources:
        path = ResultFiles(source).skipped
        if path.is_file():
            for line in path.read_text('utf-8').splitlines():
                image, _, reason = line.partition('\t')
                skipped[image] = reason
    return skipped
