"""Record the results of a run, so that it can be interrupted at any moment."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmtadp.utils.atomic_files import read_json, sync_folder, write_json
from mmtadp.utils.errors import RunError
from mmtadp.utils.folder_lock import FolderInUseError, FolderLock
from mmtadp.utils.json_lines import JsonLines

_SETTINGS = 'run.json'
_REMOVE_LINE = 'Remove the line, and its results are made again; or start again with --overwrite.'
_START_AGAIN = 'Start again with --overwrite, which discards the results of the earlier run.'


class Journal:
    """Keep the settings of a run and one append-only file of records per process in a folder.

    A record is on the disk before the next one is made, so whatever ends the process costs at
    most the record in progress.

    Args:
        folder (Path): The folder; :meth:`create` makes it.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._result = folder.with_suffix('.json')
        self._claim = self._lock = self._records = None

    def claim(self) -> None:
        """Keep other runs out from planning to the written result, until :meth:`unclaim`.

        Only the main process of a run does so. The lock is next to the folder, which may be
        removed and made again meanwhile.

        Raises:
            RunError: If another run is at work.
            OSError: If the place cannot be written to; it names the result.
        """
        with self._errors_name_the_result():
            self._claim = self._take(self.folder.parent, f'.{self.folder.name}.lock')
        try:
            # Processes of a run whose main process was killed may still be at work.
            for path in sorted(self.folder.glob('*.lock')):
                self._take(self.folder, path.name).release()
        except RunError:
            self.unclaim()
            raise

    def unclaim(self) -> None:
        """Let other runs in; without effect if :meth:`claim` was not called."""
        if self._claim is not None:
            with suppress(OSError):  # Windows keeps files that are open.
                self._claim.path.unlink()
            self._claim.release()
            self._claim = None

    def create(self, settings: dict) -> None:
        """Begin a run, and forget an earlier one.

        Args:
            settings (dict): The settings that :meth:`settings` returns from now on.
        """
        with self._errors_name_the_result():
            self.remove()
            self.folder.mkdir(parents=True)
            write_json(self.folder / _SETTINGS, settings)
            sync_folder(self.folder.parent)

    def remove(self) -> None:
        """Remove the folder, at once: half of it would look like another run."""
        if self.folder.is_dir():
            removed = self.folder.with_name(f'.{self.folder.name}.{os.getpid()}.removed')
            self.folder.rename(removed)
            shutil.rmtree(removed, ignore_errors=True)

    def settings(self, entries: Mapping[str, type] = {}) -> dict:
        """Return the settings of the run.

        Args:
            entries (Mapping[str, type]): Entries that must be there, and their types.

        Raises:
            RunError: If they are damaged.
        """
        return read_json(self.folder / _SETTINGS, _START_AGAIN, entries)

    def open(self, rank: int) -> None:
        """Open this process's file for appending, and keep other runs out until :meth:`close`.

        Args:
            rank (int): Index of this process in the run.

        Raises:
            RunError: If another run has the file open.
        """
        self._lock = self._take(self.folder, f'{rank}.lock')
        self._records = JsonLines(self.folder / f'{rank}.jsonl')

    def append(self, record: Any) -> None:
        """Add a record, any JSON value, and wait until it is on the disk."""
        with self._errors_name_the_result():
            self._records.append(record)

    def close(self) -> None:
        """Let other runs write."""
        if self._lock is not None:
            self._lock.release()
        self._lock = self._records = None

    def read(self, entries: Mapping[str, type] | None = None) -> list[Any]:
        """Return the records of all processes.

        Args:
            entries (Mapping[str, type], optional): Each record must be an object with these
                entries, of these types. Defaults to any records.

        Raises:
            RunError: If a record is damaged other than by a kill or a power cut.
        """
        return [
            record
            for path in sorted(self.folder.glob('[0-9]*.jsonl'))
            for record in JsonLines(path).read(entries, _REMOVE_LINE)
        ]

    def _take(self, folder: Path, name: str) -> FolderLock:
        lock = FolderLock(folder, name)
        try:
            lock.acquire()
        except FolderInUseError as error:
            raise RunError(
                f'another process is at work on {self._result}: wait for it, end it, or name '
                'another --out.'
            ) from error
        return lock

    @contextmanager
    def _errors_name_the_result(self) -> Iterator[None]:
        # A full disk names no file, and the names of files in the folder help nobody.
        try:
            yield
        except OSError as error:
            error.filename, error.filename2 = str(self._result), None
            raise
