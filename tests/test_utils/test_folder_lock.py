import multiprocessing
import os
import signal
import sys

import pytest

from mmtadp.utils.folder_lock import FolderInUseError, FolderLock, lock_file


def _hold(folder, pipe):
    with FolderLock(folder):
        pipe.send('locked')
        pipe.recv()


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds the lock of ``tmp_path``; with the pipe that ends it."""
    context = multiprocessing.get_context('fork')
    pipe, other = context.Pipe()
    process = context.Process(target=_hold, args=(tmp_path, other))
    process.start()
    assert pipe.recv() == 'locked'
    yield process, pipe
    process.kill()
    process.join()


def test_another_process_is_kept_out(tmp_path, holder):
    process, pipe = holder
    with pytest.raises(FolderInUseError, match=f'another process is at work in {tmp_path}'):
        FolderLock(tmp_path).acquire()
    with FolderLock(tmp_path, 'other.lock'):
        pass  # does not raise
    pipe.send('end')
    process.join(timeout=60)
    with FolderLock(tmp_path):
        pass  # does not raise


def test_a_killed_process_leaves_no_lock(tmp_path, holder):
    process, _ = holder
    os.kill(process.pid, signal.SIGKILL)
    process.join(timeout=60)
    with FolderLock(tmp_path) as lock:
        assert lock.path.exists()


def test_released(tmp_path):
    lock = FolderLock(tmp_path)
    lock.acquire()
    lock.release()
    lock.release()
    lock.acquire()
    lock.release()


def test_taken_twice_it_is_released_twice(tmp_path, holder_of):
    with FolderLock(tmp_path):
        with FolderLock(tmp_path):
            pass
        assert not holder_of(tmp_path)
    assert holder_of(tmp_path)


@pytest.fixture
def holder_of():
    """Return a function: whether another process can take the lock of a folder."""

    def attempt(folder):
        context = multiprocessing.get_context('fork')
        process = context.Process(target=FolderLock(folder).acquire)
        process.start()
        process.join(timeout=60)
        return process.exitcode == 0

    return attempt


class FakeLocking:
    """Windows' locks of bytes, of two processes that differ in their files."""

    LK_NBLCK = 2

    def __init__(self):
        self.holders = {}

    def locking(self, descriptor, mode, length):
        place = os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR)
        assert (mode, length) == (self.LK_NBLCK, 1)
        if self.holders.setdefault(place, descriptor) != descriptor:
            raise PermissionError


def test_locks_of_windows(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'fcntl', None)
    monkeypatch.setitem(sys.modules, 'msvcrt', FakeLocking())
    with FolderLock(tmp_path), open(tmp_path / '.lock', 'ab') as other:
        with pytest.raises(PermissionError):
            lock_file(other, wait=False)
        assert other.tell() == 0
    log = tmp_path / 'log.txt'
    with open(log, 'ab+') as file:
        lock_file(file)
        file.write(b'a line')
    assert log.read_bytes() == b'a line'
