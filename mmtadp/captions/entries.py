"""Whole entries of caption files, where the captions alone are not enough."""

import json
from typing import NamedTuple

from .formats import read_caption_file


class Entry(NamedTuple):
    """What a caption file says of an image.

    Attributes:
        captions (tuple[str, ...]): Distinct captions, in order; a blank one is ``''``.
        class_label (int | None): As the authors' files have it.
        repeated (int): How many captions equal an earlier one of the same image.
    """

    captions: tuple[str, ...]
    class_label: int | None = None
    repeated: int = 0

    def as_json(self) -> dict:
        """In the authors' schema."""
        label = {} if self.class_label is None else dict(class_label=self.class_label)
        return dict(captions=list(self.captions), **label)


def read_entries(path: str) -> dict[str, Entry]:
    """Reads a caption file of any schema.

    Args:
        path (str): The file.

    Returns:
        dict[str, Entry]: By key.

    Raises:
        FileNotFoundError: If there is none.
        CaptionFileError: If it has another schema.
    """
    captions = read_caption_file(path)
    with open(path, encoding='utf-8-sig') as file:
        raw = json.load(file)
    entries = {}
    for key, texts in captions.items():
        entry = raw.get(key)
        label = entry.get('class_label') if isinstance(entry, dict) else None
        listed = entry.get('captions') if isinstance(entry, dict) else entry
        repeated = len(listed) - len(texts) if isinstance(listed, list) and listed else 0
        entries[key] = Entry(texts, label, repeated)
    return entries
