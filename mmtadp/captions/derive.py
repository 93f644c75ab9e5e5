"""A caption file from another one, with where it comes from."""

from collections.abc import Callable
from typing import NamedTuple

from mmtadp.utils.atomic_files import write_json
from mmtadp.utils.resumable import RunError

from .entries import Entry, read_entries
from .merge import origin, write_checked
from .write import ResultFiles, make_provenance, sha256


class Derived(NamedTuple):
    """How deriving a file went.

    Attributes:
        images (int): Entries written.
        changed (int): Captions that differ from the source's.
        empty (list[str]): Keys of entries that have a caption without a word.
    """

    images: int
    changed: int
    empty: list[str]


def derive_file(
    source: str,
    out: str,
    settings: dict,
    change: Callable[[str], str],
    overwrite: bool = False,
) -> Derived:
    """Rewrites every caption of a file; class labels and the number of entries stay.

    Args:
        source (str): A caption file of any schema.
        out (str): The file to write, in the authors' schema, entries in the order of keys.
        settings (dict): What was done, for the file beside it.
        change (Callable[[str], str]): Return the new caption for a caption.
        overwrite (bool): Whether ``out`` may exist.

    Returns:
        Derived: How it went.

    Raises:
        FileNotFoundError: If there is no such source.
        CaptionFileError: If it is no caption file.
        RunError: If ``out`` exists.
    """
    files = free_files(out, overwrite)
    entries, changed = {}, 0
    for key, entry in read_entries(source).items():
        captions = [change(text) for text in entry.captions]
        changed += sum(new != old for new, old in zip(captions, entry.captions, strict=True))
        entries[key] = Entry(tuple(dict.fromkeys(captions)), entry.class_label)
    settings = {**settings, 'source': origin(source)}  # before it may be overwritten
    return _write(files, entries, settings)._replace(changed=changed)


def write_derived(
    captions: dict[str, str], out: str, settings: dict, overwrite: bool = False
) -> Derived:
    """Writes captions that come from no caption file.

    Args:
        captions (dict[str, str]): By key.
        out (str): The file to write, in the authors' schema.
        settings (dict): How they were made.
        overwrite (bool): Whether ``out`` may exist.

    Returns:
        Derived: How it went; all captions count as changed.

    Raises:
        RunError: If ``out`` exists or the captions' keys fit no image uniquely.
    """
    entries = {key: Entry((caption,)) for key, caption in captions.items()}
    return _write(free_files(out, overwrite), entries, settings)


def free_files(out: str, overwrite: bool) -> ResultFiles:
    """The files of a result that is not there yet.

    Raises:
        RunError: If it is, and may not be overwritten.
    """
    files = ResultFiles(out)
    if files.captions.exists() and not overwrite:
        raise RunError(f'{out} exists: name another --out, or replace it with --overwrite.')
    return files


def _write(files: ResultFiles, entries: dict[str, Entry], settings: dict) -> Derived:
    write_checked(files, entries)
    provenance = make_provenance(settings, captions=len(entries))
    write_json(files.provenance, {**provenance, 'sha256': sha256(files.captions)})
    empty = [key for key, entry in entries.items() if '' in entry.captions]
    return Derived(len(entries), len(entries), empty)
