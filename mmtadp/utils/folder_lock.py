"""A lock that keeps other processes out of a folder."""

import os
from pathlib import Path
from typing import IO

from .errors import RunError


class FolderInUseError(RunError):
    """Another process holds the lock of a folder."""


class FolderLock:
    """Lock a folder for as long as this process lives, or until :meth:`release`.

    The operating system ends the lock with the process, however the process ends, so that nothing
    has to be cleaned up after a kill. Forked processes do not inherit it. File systems without
    locks, and Windows, do not keep other processes out.

    Args:
        folder (str | PathLike): The folder; it must exist when the lock is taken.
        name (str): The file that carries the lock. Processes that take locks of different names
            share the folder. Defaults to ``'.lock'``.
    """

    def __init__(self, folder: str | os.PathLike, name: str = '.lock') -> None:
        self.path = Path(folder) / name
        self._file = None

    def acquire(self) -> None:
        """Take the lock, without waiting for it.

        Raises:
            FolderInUseError: If another process holds it.
        """
        file = open(self.path, 'ab')  # noqa: SIM115  (open as long as the lock is held)
        try:
            lock_file(file, wait=False)
        except (BlockingIOError, PermissionError):
            file.close()
            raise FolderInUseError(
                f'another process is at work in {self.path.parent}: wait for it, end it, or use '
                'another folder.'
            ) from None
        self._file = file

    def release(self) -> None:
        """Let other processes take the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> 'FolderLock':
        self.acquire()
        return self

    def __exit__(self, *_) -> None:
        self.release()


def lock_file(file: IO, wait: bool = True) -> None:
    """Lock an open file for this process until it is closed.

    Args:
        file (IO): Open for writing.
        wait (bool): Wait for another process to unlock it. Defaults to True.

    Raises:
        BlockingIOError, PermissionError: If another process holds the lock and ``wait`` is False.
    """
    try:
        import fcntl  # Not on Windows.
    except ImportError:
        return
    try:
        # lockf, not flock: forked dataloader workers would keep the latter when this process dies.
        fcntl.lockf(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (BlockingIOError, PermissionError):
        raise
    except OSError:
        pass  # A file system without locks.
