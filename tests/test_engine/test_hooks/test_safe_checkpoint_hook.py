"""Kills and full disks while a checkpoint is saved, and two runs into one folder."""

import errno
import os
import signal
from pathlib import Path

import pytest
import torch
from mmengine.fileio import LocalBackend

from mmtadp.engine.hooks import safe_checkpoint_hook
from mmtadp.utils.errors import RunError
from mmtadp.utils.folder_lock import FolderInUseError
from mmtadp.utils.work_dir import find_checkpoints, last_checkpoint, release_work_dir
from tests.utils.small_runs import Recorder, small_runner

BEST = dict(save_best='score', rule='greater')


def in_child(run) -> int:
    """Run a function in a forked process and return its exit status."""
    child = os.fork()
    if child == 0:
        try:
            run()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitpid(child, 0)[1]


def kill_at(call: int, name: str, monkeypatch, owner, before=lambda *args: None):
    """Kill the process when a function is called for the n-th time."""
    calls, original = [], getattr(owner, name)

    def killing(*args, **kwargs):
        calls.append(args)
        if len(calls) == call:
            before(*args)
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, killing)


def write_half(backend, content, path):
    Path(path).write_bytes(bytes(content)[: len(content) // 2])


@pytest.mark.parametrize(
    'moment, kept',
    [
        ('serialising', 3),
        ('writing', 3),
        ('renaming', 3),
        ('pointing', 3),
        ('deleting', 6),
    ],
)
def test_a_kill_leaves_a_whole_checkpoint(tmp_path, monkeypatch, moment, kept):
    def run():
        with pytest.MonkeyPatch.context() as patch:
            if moment == 'serialising':
                kill_at(2, 'save', patch, torch)
            elif moment == 'writing':
                kill_at(2, 'put', patch, LocalBackend, write_half)
            elif moment == 'renaming':
                # Of each checkpoint and its pointer.
                kill_at(3, 'replace', patch, os)
            elif moment == 'pointing':
                kill_at(4, 'replace', patch, os)
            else:
                deleted = Path.unlink

                def kill(path, **kwargs):
                    if path.name == 'iter_3.pth':
                        os.kill(os.getpid(), signal.SIGKILL)
                    deleted(path, **kwargs)

                patch.setattr(Path, 'unlink', kill)
            small_runner(tmp_path, validate=False).train()

    assert in_child(run) == signal.SIGKILL
    pointed = last_checkpoint(tmp_path)
    assert pointed.name == f'iter_{kept}.pth'
    for checkpoint in find_checkpoints(tmp_path):
        assert torch.load(checkpoint, weights_only=False)['meta']['iter'] in (3, 6)
    recorder = Recorder()
    options = dict(resume=True, load_from=str(pointed), validate=False)
    small_runner(tmp_path, hooks=(recorder,), **options).train()
    assert sorted(recorder.losses) == list(range(kept + 1, 13))
    # What the kill left is gone.
    assert [path.name for path in find_checkpoints(tmp_path)] == ['iter_12.pth']
    assert not list(tmp_path.glob('*.partial')) and not list(tmp_path.glob('.*.partial'))


def fill_disk(monkeypatch, name):
    put = LocalBackend.put

    def full(backend, content, path):
        if name in str(path):
            write_half(backend, content, path)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        put(backend, content, path)

    monkeypatch.setattr(LocalBackend, 'put', full)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    fill_disk(monkeypatch, 'iter_6')
    with pytest.raises(OSError) as info:
        small_runner(tmp_path, validate=False).train()
    assert info.value.errno == errno.ENOSPC
    assert info.value.filename == str(tmp_path / 'iter_6.pth')
    assert last_checkpoint(tmp_path).name == 'iter_3.pth'
    assert [path.name for path in find_checkpoints(tmp_path)] == ['iter_3.pth']
    assert torch.load(last_checkpoint(tmp_path), weights_only=False)['meta']['iter'] == 3
    release_work_dir(tmp_path)


def test_the_old_best_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    fill_disk(monkeypatch, 'best_score_iter_12')
    with pytest.raises(OSError, match=r'best_score_iter_12\.pth'):
        small_runner(tmp_path, checkpoint=BEST, scores=(1.0, 2.0)).train()
    names = [path.name for path in find_checkpoints(tmp_path)]
    assert names == ['best_score_iter_6.pth', 'iter_12.pth']
    release_work_dir(tmp_path)


def test_the_old_best_goes_before_the_last_checkpoint_is_saved_again(tmp_path, monkeypatch):
    # Otherwise a disk would need room for four checkpoints.
    seen = []
    put = LocalBackend.put

    def record(backend, content, path):
        seen.append((Path(path).name, [found.name for found in find_checkpoints(tmp_path)]))
        put(backend, content, path)

    monkeypatch.setattr(LocalBackend, 'put', record)
    small_runner(tmp_path, checkpoint=BEST, scores=(1.0, 2.0)).train()
    assert seen[-1] == ('.iter_12.pth.partial', ['best_score_iter_12.pth', 'iter_12.pth'])


def test_a_better_score_replaces_the_best(tmp_path):
    small_runner(tmp_path, checkpoint=BEST, scores=(1.0, 2.0)).train()
    names = [path.name for path in find_checkpoints(tmp_path)]
    assert names == ['best_score_iter_12.pth', 'iter_12.pth']
    hub = torch.load(tmp_path / 'iter_12.pth', weights_only=False)['message_hub']
    assert hub['runtime_info']['best_score'] == 2.0
    assert hub['runtime_info']['best_ckpt'] == str(tmp_path / 'best_score_iter_12.pth')


def test_a_lower_score_does_not(tmp_path):
    small_runner(tmp_path, checkpoint=BEST, scores=(2.0, 1.0)).train()
    names = [path.name for path in find_checkpoints(tmp_path)]
    assert names == ['best_score_iter_6.pth', 'iter_12.pth']


def test_a_run_in_a_copy_leaves_the_original_alone(tmp_path):
    options = dict(checkpoint=BEST, scores=(1.0, 2.0))
    original, copy = tmp_path / 'original', tmp_path / 'copy'
    small_runner(
        original, train_cfg=dict(max_iters=6, val_interval=6, by_epoch=False), **options
    ).train()
    names = [path.name for path in find_checkpoints(original)]
    copy.mkdir()
    for path in find_checkpoints(original):
        (copy / path.name).write_bytes(path.read_bytes())
    resume = dict(resume=True, load_from=str(copy / 'iter_6.pth'))
    small_runner(copy, checkpoint=BEST, scores=(3.0,), **resume).train()
    assert [path.name for path in find_checkpoints(original)] == names
    assert [path.name for path in find_checkpoints(copy)] == [
        'best_score_iter_12.pth',
        'iter_12.pth',
    ]


@pytest.mark.parametrize('kept', [1, 2, -1])
def test_number_of_checkpoints(tmp_path, kept):
    small_runner(tmp_path, checkpoint=dict(max_keep_ckpts=kept), validate=False).train()
    expected = [12, 9, 6, 3] if kept < 0 else [12, 9, 6, 3][:kept]
    assert {path.name for path in find_checkpoints(tmp_path)} == {
        f'iter_{step}.pth' for step in expected
    }


def test_a_metric_that_does_not_exist(tmp_path):
    with pytest.raises(RunError, match=r"save_best='mIoU' is not a metric .* has: score"):
        small_runner(tmp_path, checkpoint=dict(save_best='mIoU')).train()
    release_work_dir(tmp_path)


def test_a_second_run_is_refused(tmp_path):
    read, write = os.pipe()

    def waits(runner):
        if runner.iter == 4:
            os.write(write, b'x')
            signal.pause()

    child = os.fork()
    if child == 0:
        small_runner(tmp_path, hooks=(Recorder(waits),), validate=False).train()
        os._exit(0)
    try:
        os.read(read, 1)
        before = (tmp_path / 'iter_3.pth').stat().st_mtime_ns
        # A validation or a test may use it.
        assert small_runner(tmp_path, checkpoint=BEST).val() == {'score': 1.0}
        with pytest.raises(FolderInUseError, match='another process is at work in'):
            small_runner(tmp_path, validate=False).train()
        assert last_checkpoint(tmp_path).stat().st_mtime_ns == before
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    # The lock ends with the process.
    small_runner(tmp_path, validate=False).train()
    assert last_checkpoint(tmp_path).name == 'iter_12.pth'


def test_a_run_that_ends_gives_the_folder_back(tmp_path):
    small_runner(tmp_path, validate=False).train()
    assert in_child(small_runner(tmp_path, validate=False).train) == 0


def test_partial_files_have_no_suffix_of_checkpoints():
    assert not safe_checkpoint_hook._temporary('iter_3.pth').endswith('.pth')
