"""The folder that a run is continued from."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from ..atomic_files import (
    check_entries,
    read_json,
    remove_leftovers,
    write_file,
    write_json,
    write_text,
)
from ..errors import RunError
from ..folder_lock import FolderLock
from ..json_lines import JsonLines
from ..tensor_files import read_tensors
from .interruption import check_same_settings

_START_AGAIN = 'Start again with --overwrite'


class RunFolder:
    """The files next to a run's result: ``checkpoint.pt``, ``settings.json``, ``log.jsonl``.

    As a context, it keeps other runs out of the folder; :meth:`start` and :meth:`save` may only be
    called in it.

    Args:
        out (str): The folder.
        identity (dict): The settings that determine the course of the run.
        overwrite (bool): Forget an earlier run.
        main (bool): False in all processes of a run but the one that writes. They enter the
            context after it. Defaults to True.
    """

    def __init__(self, out: str, identity: dict, overwrite: bool, main: bool = True) -> None:
        self.path = Path(out)
        self._identity, self._overwrite, self._main = identity, overwrite, main
        self._checkpoint = self.path / 'checkpoint.pt'
        self._settings = self.path / 'settings.json'
        self._log = JsonLines(self.path / 'log.jsonl', sync=False)
        self._lock = FolderLock(self.path)

    def __enter__(self) -> 'RunFolder':
        """Lock the folder.

        Raises:
            RunError: If another process holds it, there is a run with another identity, or its
                files are damaged.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f'--out {self.path} is a file; name a folder.')
        if self._main:
            self._lock.acquire()
        try:
            if self._main:
                remove_leftovers(self.path)
                if self._overwrite:
                    self._checkpoint.unlink(missing_ok=True)
            if self._checkpoint.exists():
                earlier = read_json(self._settings, f'{_START_AGAIN}.')
                check_same_settings(self._identity, earlier, str(self._settings))
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._lock.release()

    def load(self, entries: Sequence[str] = ()) -> dict | None:
        """Return the last checkpoint, or None.

        Args:
            entries (Sequence[str]): Entries that it must have, in addition to ``step``.

        Raises:
            RunError: If it cannot be read, or lacks one.
        """
        if not self._checkpoint.exists():
            return None
        state = read_tensors(self._checkpoint, '--out', _START_AGAIN, remedy=_START_AGAIN)
        kinds = {'step': int, **dict.fromkeys(entries, object)}
        check_entries(state, kinds, str(self._checkpoint), f'{_START_AGAIN}.')
        return state

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """Turn errors of putting a checkpoint's entries back into one that names its file.

        Raises:
            RunError: Instead of any other error.
        """
        try:
            yield
        except RunError:
            raise
        except Exception as error:  # damaged states of optimisers fail in many ways
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise RunError(
                f'{self._checkpoint} does not fit this run ({reason}). {_START_AGAIN}.'
            ) from error

    def start(self, step: int) -> None:
        """Write the settings, and remove the log's entries after this step."""
        kept = ''.join(json.dumps(line) + '\n' for line in self.log() if line['step'] <= step)
        write_text(self._log.path, kept)
        write_json(self._settings, self._identity)

    def save(self, state: dict) -> None:
        """Replace the checkpoint."""
        write_file(self._checkpoint, lambda path: torch.save(state, path))

    def log(self) -> list[dict]:
        """Return the logged steps: ``step``, ``loss``, and other logged values.

        Raises:
            RunError: If a line of the log is damaged.
        """
        return self._log.read({'step': int}, f'Remove the line, or s{_START_AGAIN[1:]}.')

    def append(self, **values: float) -> None:
        """Log a step."""
        self._log.append(values)
