"""Write caption files, with their provenance and the list of skipped images next to them."""

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from mmtadp.utils.atomic_files import read_json, read_text, write_json, write_text
from mmtadp.utils.dependencies import installed_versions
from mmtadp.utils.errors import RunError

from .formats import CaptionFileError, Entry
from .store import CaptionStore

# Packages whose version may change a caption.
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


class ResultFiles:
    """A caption file and the files next to it, which take their names from it.

    Args:
        path (str | PathLike): The caption file, ``NAME.json``.

    Attributes:
        captions (Path): ``NAME.json``.
        provenance (Path): ``NAME.provenance.json``.
        skipped (Path): ``NAME.skipped.txt``, a list that can be captioned again as it is.
        journal (Path): ``NAME.journal``, a folder that exists until the run is complete.

    Raises:
        RunError: If the name does not end in ``.json``, is a folder's, or is below a file.
    """

    def __init__(self, path: str | os.PathLike):
        self.captions = Path(path).absolute()
        if self.captions.suffix != '.json':
            raise RunError(f'{path}: the name of a caption file must end in .json')
        if self.captions.is_dir():
            raise RunError(f'{path} is a folder: name a file in it, such as {path}/captions.json.')
        above = next(folder for folder in self.captions.parents if folder.exists())
        if not above.is_dir():
            raise RunError(f'{path} cannot be written: {above} is a file, not a folder.')
        self.provenance = self.captions.with_suffix('.provenance.json')
        self.skipped = self.captions.with_suffix('.skipped.txt')
        self.journal = self.captions.with_suffix('.journal')

    @classmethod
    def new(cls, path: str | os.PathLike, overwrite: bool) -> 'ResultFiles':
        """Return the files of a result that does not exist yet.

        Raises:
            RunError: If the caption file exists and ``overwrite`` is False.
        """
        files = cls(path)
        if files.captions.exists() and not overwrite:
            raise RunError(f'{path} exists: name another --out, or replace it with --overwrite.')
        return files

    def write(
        self,
        entries: Mapping[str, Entry],
        provenance: dict,
        skipped: Mapping[str, str] | None = None,
    ) -> None:
        """Write the captions, their provenance and the list of skipped images.

        Each file is written whole or not at all.

        Args:
            entries (Mapping[str, Entry]): By key.
            provenance (dict): How the captions were made; a digest of the captions is added.
            skipped (Mapping[str, str], optional): Path of each image without a caption, and the
                reason. By default an existing list stays.

        Raises:
            RunError: If two keys fit the same image, so that the file could not be read, or a
                text cannot be written as UTF-8.
            OSError: If the disk is full, or the folder cannot be written to.
        """
        # Read before it replaces another file: the loader must accept the new one.
        trial = self.captions.with_suffix('.unchecked.json')
        try:
            write_captions(trial, entries)
            CaptionStore([str(trial)])
            trial.replace(self.captions)
        except CaptionFileError as error:
            raise RunError(str(error).replace(str(trial), str(self.captions))) from error
        except UnicodeEncodeError as error:
            raise RunError(
                f'{self.captions} cannot be written: {error.object!r:.200} is not Unicode text.'
            ) from error
        except OSError as error:
            error.filename, error.filename2 = str(self.captions), None
            raise
        finally:
            trial.unlink(missing_ok=True)
        write_json(self.provenance, {**provenance, 'sha256': _sha256(self.captions)})
        if skipped is not None:
            write_list(self.skipped, skipped)

    def read_provenance(self) -> dict | None:
        """Return the provenance, or None if there is none.

        Raises:
            RunError: If it is damaged.
        """
        if not self.provenance.is_file():
            return None
        return read_json(
            self.provenance,
            f'Remove it: {self.captions.name} then counts as a file of unknown origin.',
        )


def write_captions(path: Path, entries: Mapping[str, Entry]) -> None:
    """Write a caption file in the authors' schema.

    Entries are in the order of their keys, one a line, so that the same captions always give the
    same bytes, and two files can be compared line by line.

    Args:
        path (Path): The file.
        entries (Mapping[str, Entry]): By key.
    """
    lines = [
        f'{json.dumps(key, ensure_ascii=False)}: '
        f'{json.dumps(entries[key].as_json(), ensure_ascii=False, allow_nan=False)}'
        for key in sorted(entries)
    ]
    write_text(path, '{\n' + ',\n'.join(lines) + '\n}\n')


def write_list(path: Path, skipped: Mapping[str, str]) -> None:
    """Write one image and reason a line, or remove the list if no image was skipped."""
    if skipped:
        lines = [f'{image}\t{" ".join(reason.split())}\n' for image, reason in skipped.items()]
        write_text(path, ''.join(lines))
    else:
        path.unlink(missing_ok=True)


def read_list(path: Path) -> dict[str, str]:
    """Return the images and reasons of a list that :func:`write_list` wrote.

    Raises:
        RunError: If it is not text.
    """
    lines = read_text(path, 'Remove it; it only lists skipped images.').splitlines()
    pairs = (line.partition('\t') for line in lines)
    return {image: reason for image, _, reason in pairs}


def make_provenance(settings: dict, **details: object) -> dict:
    """Return the provenance of a caption file.

    Args:
        settings (dict): What the captions depend on: model, revision, decoding, input, ….
        **details: Facts that the captions do not depend on.
    """
    date = datetime.now(UTC).isoformat(timespec='seconds')
    return dict(settings=settings, date=date, versions=installed_versions(_PACKAGES), **details)


def source_provenance(source: str) -> dict:
    """Return name, digest and provenance of a caption file from which another one is made."""
    return dict(
        file=str(source),
        sha256=_sha256(Path(source)),
        provenance=ResultFiles(source).read_provenance(),
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
