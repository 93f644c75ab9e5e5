"""What a run has done so far, so that it can be interrupted at any moment."""

import fcntl
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from mmtadp.utils.atomic_files import sync_folder, write_json
from mmtadp.utils.resumable import RunError

_SETTINGS = 'run.json'


@dataclass
class Progress:
    """Images that are done.

    Attributes:
        captions (dict[str, str]): Key to caption.
        skipped (dict[str, str]): Key to the reason why there is no caption.
    """

    captions: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def __contains__(self, key: str) -> bool:
        return key in self.captions or key in self.skipped

    def __len__(self) -> int:
        return len(self.captions) + len(self.skipped)

    def update(self, other: 'Progress') -> None:
        """Adds what another one has."""
        self.captions.update(other.captions)
        self.skipped.update(other.skipped)


class Journal:
    """A folder with the settings of a run and one append-only file per process.

    A line is a batch. It counts once it ends in a line break, and is on the disk before the next
    batch begins, so whatever ends the process costs at most the batch at work.

    Args:
        folder (Path): The folder; :meth:`create` makes it.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._file = None
        self._lock = None

    def create(self, settings: dict) -> None:
        """Begins a run, and forgets an earlier one.

        Args:
            settings (dict): What :meth:`settings` returns from now on.
        """
        self.remove()
        self.folder.mkdir(parents=True)
        write_json(self.folder / _SETTINGS, settings)
        sync_folder(self.folder.parent)

    def remove(self) -> None:
        """Ends the run. The folder is gone at once: half of it would look like another run."""
        if self.folder.is_dir():
            gone = self.folder.with_name(f'.{self.folder.name}.{os.getpid()}.gone')
            self.folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def settings(self) -> dict:
        """The settings of the run."""
        return json.loads((self.folder / _SETTINGS).read_text(encoding='utf-8'))

    def refuse_second_run(self) -> None:
        """Checks that no other process writes to this journal.

        Raises:
            RunError: If one does.
        """
        for path in sorted(self.folder.glob('*.lock')):
            with open(path, 'a') as file:
                _lock(file, path)

    def open(self, rank: int) -> None:
        """Opens this process's file for appending.

        A lock keeps a second run out. It is the process's own: worker processes do not inherit
        it, and it ends with the process however that ends.

        Args:
            rank (int): Which process of the run this is.

        Raises:
            RunError: If another process has the file open.
        """
        lock = self.folder / f'{rank}.lock'
        self._lock = open(lock, 'a')  # noqa: SIM115  (held until the process closes it)
        _lock(self._lock, lock)
        path = self.folder / f'{rank}.jsonl'
        self._file = open(path, 'ab')  # noqa: SIM115
        self._file.truncate(_whole_lines(path.read_bytes()))
        sync_folder(self.folder)

    def append(self, batch: Progress) -> None:
        """Adds a batch and waits until it is on the disk."""
        line = json.dumps(dict(captions=batch.captions, skipped=batch.skipped))
        self._file.write(line.encode() + b'\n')
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Lets others write."""
        for file in (self._file, self._lock):
            if file is not None:
                file.close()
        self._file = self._lock = None

    def read(self) -> Progress:
        """Reads what all processes have done.

        A last line without its end, which a power cut or a kill leaves behind, does not count.

        Raises:
            RunError: If another line is damaged.
        """
        progress = Progress()
        for path in sorted(self.folder.glob('*.jsonl')):
            content = path.read_bytes()
            content = content[: _whole_lines(content)]
            for number, line in enumerate(content.splitlines(), 1):
                progress.update(_parse(line, f'{path}, line {number}'))
        return progress


def _whole_lines(content: bytes) -> int:
    """Length of the part that ends in a line break and holds no zeros.

    After a power cut a file may be of its new length with zeros in place of what was not written.
    """
    zeros = content.find(b'\0')
    if zeros >= 0:
        content = content[:zeros]
    return content.rfind(b'\n') + 1


def _parse(line: bytes, where: str) -> Progress:
    try:
        return Progress(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise RunError(
            f'{where}: damaged ({error}). Remove the line to caption its images again, or start '
            'anew with --overwrite.'
        ) from error


def _lock(file, path: Path) -> None:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise RunError(
            f'another process is captioning into {path.parent.with_suffix(".json")}: wait for it, '
            'end it, or name another --out.'
        ) from None
    except OSError:
        pass  # A file system without locks.
