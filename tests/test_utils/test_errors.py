import errno
import signal

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from mmtadp.utils.errors import Interrupted, RunError, exit_code, same_command


@pytest.mark.parametrize(
    'error, code, message',
    [
        (None, 0, ''),
        (RunError('name another'), 2, 'error: name another\n'),
        (
            Interrupted(1200, signal.SIGTERM),
            143,
            '\nInterrupted after step 1,200, which is saved. The same command continues.\n',
        ),
        (KeyboardInterrupt(), 130, '\nInterrupted. The same command continues.\n'),
        (
            OSError(errno.ENOSPC, 'No space left on device', 'a/b.json'),
            2,
            'error: a/b.json: the disk is full. The same command continues.\n',
        ),
        # It would fail again.
        (OSError(errno.ENAMETOOLONG, '', 'aaa'), 2, 'error: aaa: the name is too long.\n'),
        (OSError('cannot load the weights'), 2, 'error: cannot load the weights\n'),
        (
            IsADirectoryError(errno.EISDIR, '', '.a.tmp', None, 'a.json'),
            2,
            'error: a.json: a folder is in the way. The same command continues.\n',
        ),
        (
            torch.OutOfMemoryError('CUDA out of memory. Tried\nto'),
            2,
            'error: out of memory (CUDA out of memory. Tried). Use smaller batches or images. '
            'The same command continues.\n',
        ),
        (MemoryError(), 2, 'error: out of memory. Use'),
    ],
)
def test_exit_codes(capsys, error, code, message):
    def run():
        if error is not None:
            raise error

    assert exit_code(run, same_command()) == code
    printed = capsys.readouterr().err
    assert printed.startswith(message) and bool(printed) == bool(message)


def test_the_code_of_the_tool():
    assert [exit_code(lambda code=code: code) for code in (None, 0, 1, 143)] == [0, 0, 1, 143]


def test_an_unforeseen_error_keeps_its_traceback():
    with pytest.raises(RuntimeError, match='a bug'):
        exit_code(lambda: (_ for _ in ()).throw(RuntimeError('a bug')))


def test_the_continuation_must_not_overwrite():
    assert same_command(True) == 'The same command without --overwrite continues.'


def test_a_file_in_place_of_a_folder(tmp_path, capsys):
    (tmp_path / 'file').touch()
    assert exit_code(lambda: (tmp_path / 'file' / 'a' / 'b').mkdir(parents=True)) == 2
    assert f'{tmp_path / "file"} is a file, not a folder.' in capsys.readouterr().err


class _Broken(Dataset):
    """Raises an error for its only sample."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> None:
        raise self.error


@pytest.mark.parametrize(
    'error', [RunError('a.png has 3 channels; expected one'), OSError('cannot read a.png')]
)
def test_an_error_in_a_worker_is_one_line(error, capsys):
    def run() -> None:
        next(iter(DataLoader(_Broken(error), num_workers=1)))

    assert exit_code(run) == 2
    assert capsys.readouterr().err == f'error: {error}\n'
