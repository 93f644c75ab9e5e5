"""A lock that keeps other processes out of a folder."""

import os
import threading
import time
from pathlib import Path
from typing import IO

from .errors import RunError

_REFUSED = (BlockingIOError, PermissionError)
# Windows keeps everybody from reading a locked byte, so this one is beyond the end of any log.
_LOCKED_BYTE = 2**30


class FolderInUseError(RunError):
    """Another process holds the lock of a folder."""


class _Held:
    """The lock files that this process holds open, by path, and how many hold each.

    One for the whole process: POSIX ends a lock as soon as the process closes any descriptor of
    the file.
    """

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.process = None
        self.files: dict[Path, IO] = {}
        self.counts: dict[Path, int] = {}

    def of_this_process(self) -> None:
        """Forget what a forked process has copied from its parent, which holds the locks."""
        if self.process != os.getpid():
            self.process, self.files, self.counts = os.getpid(), {}, {}


_held = _Held()


class FolderLock:
    """Lock a folder for as long as this process lives, or until :meth:`release`.

    The operating system ends the lock with the process, however the process ends, so that nothing
    has to be cleaned up after a kill. Forked processes do not inherit it. A process that holds the
    lock can take it again, and then releases it as often. File systems without locks do not keep
    other processes out.

    Args:
        folder (str | PathLike): The folder; :meth:`acquire` makes it.
        name (str): The file that carries the lock. Processes that take locks of different names
            share the folder. Defaults to ``'.lock'``.
    """

    def __init__(self, folder: str | os.PathLike, name: str = '.lock') -> None:
        self.path = Path(folder) / name
        self._key = None

    def acquire(self) -> None:
        """Take the lock, without waiting for it.

        Raises:
            FolderInUseError: If another process holds it.
            OSError: If the folder cannot be written to.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        key = self.path.resolve()
        with _held.guard:
            _held.of_this_process()
            if key not in _held.files:
                _held.files[key] = self._open()
                _held.counts[key] = 0
            _held.counts[key] += 1
        self._key = key

    def _open(self) -> IO:
        file = open(self.path, 'ab')  # noqa: SIM115  (open as long as the lock is held)
        try:
            lock_file(file, wait=False)
        except _REFUSED:
            file.close()
            raise FolderInUseError(
                f'another process is at work in {self.path.parent}: wait for it, end it, or use '
                'another folder.'
            ) from None
        return file

    def release(self) -> None:
        """Let other processes take the lock."""
        key, self._key = self._key, None
        with _held.guard:
            _held.of_this_process()
            if key not in _held.counts:
                return
            _held.counts[key] -= 1
            if not _held.counts[key]:
                del _held.counts[key]
                _held.files.pop(key).close()

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
        import fcntl
    except ImportError:
        _lock_on_windows(file, wait)
        return
    try:
        # lockf, not flock: forked dataloader workers would keep the latter when this process dies.
        fcntl.lockf(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except _REFUSED:
        raise
    except OSError:
        pass  # A file system without locks.


def _lock_on_windows(file: IO, wait: bool) -> None:
    import msvcrt

    # Where the file is opened for appending, this position does not matter to writes.
    position = file.tell()
    while True:
        try:
            file.seek(_LOCKED_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            return
        except PermissionError:
            if not wait:
                raise
            time.sleep(0.05)
        finally:
            file.seek(position)
