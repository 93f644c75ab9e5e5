import multiprocessing
import os
import signal

import pytest

from mmtadp.utils.folder_lock import FolderInUseError, FolderLock


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
