"""Append-only logs of JSON values, one a line, that survive kills and power cuts."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from .atomic_files import DamagedFileError, check_entries, sync_folder
from .folder_lock import lock_file


class DamagedLineError(DamagedFileError):
    """A line of a log, other than a torn last one, is not what was appended."""


class JsonLines:
    """Append JSON values to a file, and read them.

    A line counts once it ends in a line break. A last line without one was being written when the
    process was killed or the power failed: it is not read, and the next :meth:`append` cuts it
    off. The same holds for zeros, which some file systems leave after a power cut in place of what
    was not written. Several processes may append to one file.

    Args:
        path (str | PathLike): The file. The first append makes it and its folder.
        sync (bool): Whether :meth:`append` waits until the line is on the disk. Defaults to True.
    """

    def __init__(self, path: str | os.PathLike, sync: bool = True) -> None:
        self.path = Path(path)
        self.sync = sync
        self._checked = False

    def append(self, value: Any) -> None:
        """Add a line.

        Args:
            value (Any): Whatever JSON can hold.
        """
        line = json.dumps(value).encode() + b'\n'
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        with open(self.path, 'ab+') as file:
            lock_file(file)
            if not self._checked or not _ends_in_line_break(file):
                file.seek(0)
                file.truncate(_whole_lines(file.read()))
                self._checked = True
            file.write(line)
            file.flush()
            if self.sync:
                os.fsync(file.fileno())
        if is_new and self.sync:
            sync_folder(self.path.parent)

    def read(
        self, entries: Mapping[str, type] | None = None, advice: str = 'Remove the line.'
    ) -> list[Any]:
        """Return the values of all whole lines; none if there is no file.

        Args:
            entries (Mapping[str, type], optional): Each value must be an object with these
                entries; see :func:`.atomic_files.read_json`. Defaults to any values.
            advice (str): The way out if a line is damaged, a sentence.

        Raises:
            DamagedLineError: If a whole line is not JSON, or lacks an entry.
        """
        if not self.path.exists():
            return []
        content = self.path.read_bytes()
        values = []
        for number, line in enumerate(content[: _whole_lines(content)].splitlines(), 1):
            where = f'{self.path}, line {number}'
            try:
                values.append(json.loads(line))
                if entries is not None:
                    check_entries(values[-1], entries, where, advice)
            except DamagedFileError as error:
                raise DamagedLineError(str(error)) from error
            except (ValueError, RecursionError) as error:
                raise DamagedLineError(f'{where}: damaged ({error}). {advice}') from error
        return values


def _ends_in_line_break(file: IO[bytes]) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b'\n'


def _whole_lines(content: bytes) -> int:
    """Return the length of the part that ends in a line break and holds no zeros."""
    zeros = content.find(b'\0')
    return content.rfind(b'\n', 0, zeros if zeros >= 0 else None) + 1
