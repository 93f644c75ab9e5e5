"""Make a caption file from another one, or from captions in memory."""

from collections.abc import Callable
from typing import NamedTuple

from .formats import Entry, read_entries
from .write import ResultFiles, make_provenance, source_provenance


class Derived(NamedTuple):
    """Counts of a derived file.

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
    """Rewrite every caption of a file; class labels and the number of entries stay.

    Args:
        source (str): A caption file of any schema.
        out (str): The file to write, in the authors' schema, entries in the order of keys.
        settings (dict): How the captions are changed, for the provenance.
        change (Callable[[str], str]): From a caption to the new one.
        overwrite (bool): Whether ``out`` may exist.

    Returns:
        Derived: The counts.

    Raises:
        FileNotFoundError: If ``source`` does not exist.
        CaptionFileError: If ``source`` is not a caption file.
        RunError: If ``out`` exists.
    """
    files = ResultFiles.new(out, overwrite)
    entries, changed = {}, 0
    for key, entry in read_entries(source).items():
        captions = [change(caption) for caption in entry.captions]
        changed += sum(new != old for new, old in zip(captions, entry.captions, strict=True))
        entries[key] = Entry(tuple(dict.fromkeys(captions)), entry.class_label)
    # The source is read before it may be overwritten.
    settings = {**settings, 'source': source_provenance(source)}
    return _write(files, entries, settings)._replace(changed=changed)


def write_derived(
    captions: dict[str, str], out: str, settings: dict, overwrite: bool = False
) -> Derived:
    """Write captions that do not come from a caption file.

    Args:
        captions (dict[str, str]): By key.
        out (str): The file to write, in the authors' schema.
        settings (dict): How the captions were made, for the provenance.
        overwrite (bool): Whether ``out`` may exist.

    Returns:
        Derived: The counts; all captions count as changed.

    Raises:
        RunError: If ``out`` exists, or two keys fit the same image.
    """
    entries = {key: Entry((caption,)) for key, caption in captions.items()}
    return _write(ResultFiles.new(out, overwrite), entries, settings)


def _write(files: ResultFiles, entries: dict[str, Entry], settings: dict) -> Derived:
    files.write(entries, make_provenance(settings, captions=len(entries)))
    empty = [key for key, entry in entries.items() if '' in entry.captions]
    return Derived(len(entries), len(entries), empty)
