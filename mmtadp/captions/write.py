"""The files of a run: captions, where they come from, and what was left out."""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from mmtadp.utils.atomic_files import write_json, write_text
from mmtadp.utils.dependencies import installed_versions
from mmtadp.utils.resumable import RunError


class ResultFiles:
    """A caption file and the files beside it, which take their names from it.

    Args:
        path (str | PathLike): The caption file, ``NAME.json``.

    Attributes:
        captions (Path): ``NAME.json``.
        provenance (Path): ``NAME.provenance.json``.
        skipped (Path): ``NAME.skipped.txt``, a list that can be captioned again as it is.
        journal (Path): ``NAME.journal``, a folder that is there as long as the run is not over.
    """

    def __init__(self, path: str | os.PathLike):
        self.captions = Path(path).absolute()
        if self.captions.suffix != '.json':
            raise RunError(f'{path}: a caption file is named something.json')
        self.provenance = self.captions.with_suffix('.provenance.json')
        self.skipped = self.captions.with_suffix('.skipped.txt')
        self.journal = self.captions.with_suffix('.journal')

    def write(self, captions: dict[str, str], provenance: dict, skipped: dict[str, str]) -> None:
        """Writes all three, each whole or not at all.

        Args:
            captions (dict[str, str]): Key to caption.
            provenance (dict): How they were made.
            skipped (dict[str, str]): Path of each image without a caption, and the reason.
        """
        entries = {key: dict(captions=[captions[key]]) for key in captions}
        write_captions(self.captions, entries)
        write_json(self.provenance, {**provenance, 'sha256': sha256(self.captions)})
        write_list(self.skipped, skipped)

    def read_provenance(self) -> dict | None:
        """What a finished run wrote down, or None."""
        if not self.provenance.is_file():
            return None
        return json.loads(self.provenance.read_text(encoding='utf-8'))


def write_captions(path: Path, entries: dict[str, dict]) -> None:
    """Writes a caption file in the authors' schema.

    Entries are in the order of their keys, one a line, so that the same captions give the same
    bytes whoever made them, and two files can be compared line by line.

    Args:
        path (Path): The file.
        entries (dict[str, dict]): Key to ``captions`` and, if any, ``class_label``.
    """
    lines = [
        f'{json.dumps(key, ensure_ascii=False)}: {json.dumps(entries[key], ensure_ascii=False)}'
        for key in sorted(entries)
    ]
    write_text(path, '{\n' + ',\n'.join(lines) + '\n}\n')


def write_list(path: Path, skipped: dict[str, str]) -> None:
    """Writes one image and reason a line, or removes the list if there are none."""
    if skipped:
        lines = [f'{image}\t{" ".join(reason.split())}\n' for image, reason in skipped.items()]
        write_text(path, ''.join(lines))
    else:
        path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Versions of these packages influence a caption.
_PACKAGES = (
    'mmtadp',
    'torch',
    'transformers',
    'tokenizers',
    'pillow',
    'nltk',
    'bitsandbytes',
    'ray',
)


def make_provenance(settings: dict, **details: object) -> dict:
    """What is written beside a caption file.

    Args:
        settings (dict): What the captions depend on: model, revision, decoding, input, ....
        **details: What they do not depend on.
    """
    date = datetime.now(UTC).isoformat(timespec='seconds')
    return dict(settings=settings, date=date, versions=installed_versions(_PACKAGES), **details)
