import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner


def losses(work_dir: Path) -> dict:
    """Step to loss, as logged by all runs into a work directory."""
    lines = [
        json.loads(line)
        for path in sorted(work_dir.glob('*/vis_data/*.json'))
        if not path.name.startswith('config')
        for line in path.read_text().splitlines()
    ]
    return {line['step']: line['loss'] for line in lines if 'loss' in line}


def test_writes_checkpoints_to_the_work_dir(run_tool, config, tmp_path):
    run_tool('train', config)
    work_dir = tmp_path / 'work_dirs' / 'small'
    assert sorted(path.name for path in work_dir.glob('iter_*.pth')) == [
        'iter_2.pth',
        'iter_4.pth',
    ]
    assert sorted(losses(work_dir)) == [1, 2, 3, 4]


def test_refuses_a_work_dir_with_checkpoints(run_tool, config, tmp_path, capsys):
    work_dir = tmp_path / 'used'
    work_dir.mkdir()
    (work_dir / 'iter_2000.pth').touch()
    with pytest.raises(SystemExit):
        run_tool('train', config, '--work-dir', work_dir)
    message = capsys.readouterr().err
    assert 'iter_2000.pth' in message
    assert '--resume' in message and '--work-dir' in message and '--overwrite' in message
    assert [path.name for path in work_dir.iterdir()] == ['iter_2000.pth']


def test_overwrite(run_tool, config, tmp_path):
    work_dir = tmp_path / 'used'
    work_dir.mkdir()
    (work_dir / 'iter_2000.pth').touch()
    (work_dir / 'last_checkpoint').write_text('iter_2000.pth')
    run_tool('train', config, '--work-dir', work_dir, '--overwrite')
    assert Path((work_dir / 'last_checkpoint').read_text()).name == 'iter_4.pth'


def test_resume_goes_on_in_a_moved_work_dir(run_tool, config, tmp_path):
    short = ['--cfg-options', 'train_cfg.max_iters=2']
    run_tool('train', config, '--work-dir', tmp_path / 'before', *short)
    os.rename(tmp_path / 'before', tmp_path / 'after')
    run_tool('train', config, '--work-dir', tmp_path / 'after', '--resume')
    assert torch.load(tmp_path / 'after' / 'iter_4.pth')['meta']['iter'] == 4
    assert sorted(losses(tmp_path / 'after')) == [1, 2, 3, 4]


def test_resume_in_the_config(run_tool, config, tmp_path):
    run_tool('train', config, '--cfg-options', 'train_cfg.max_iters=2')
    run_tool('train', config, '--cfg-options', 'resume=True')
    work_dir = tmp_path / 'work_dirs' / 'small'
    assert torch.load(work_dir / 'iter_4.pth')['meta']['iter'] == 4
    assert len(list(work_dir.glob('*/vis_data'))) == 2
    assert sorted(losses(work_dir)) == [1, 2, 3, 4]


@pytest.mark.slow
def test_two_processes_on_a_cpu(repository, config, tmp_path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    command = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node', '2']
    command += ['--master_port', str(port), repository / 'tools' / 'train.py', config]
    command += ['--launcher', 'pytorch', '--work-dir', tmp_path / 'two']
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(losses(tmp_path / 'two')) == [1, 2, 3, 4]
    assert (tmp_path / 'two' / 'iter_4.pth').exists()


def test_resume_without_checkpoint(run_tool, config, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_tool('train', config, '--work-dir', tmp_path / 'new', '--resume')
    assert f'{tmp_path / "new"} has no checkpoint' in capsys.readouterr().err


def test_amp_and_cfg_options(run_tool, config, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(Runner, 'train', lambda runner: seen.append(runner.cfg))
    run_tool('train', config, '--amp', '--cfg-options', 'train_cfg.max_iters=7')
    assert seen[0].optim_wrapper.type == 'AmpOptimWrapper'
    assert seen[0].optim_wrapper.loss_scale == 'dynamic'
    assert seen[0].train_cfg.max_iters == 7


def test_amp_with_another_wrapper(run_tool, config, capsys):
    with pytest.raises(SystemExit):
        run_tool('train', config, '--amp', '--cfg-options', 'optim_wrapper.type=MyWrapper')
    assert "'MyWrapper'" in capsys.readouterr().err


def test_interrupt_says_how_to_go_on(run_tool, config, monkeypatch, capsys):
    after_iter = Runner.call_hook

    def interrupt(runner, name, **kwargs):
        after_iter(runner, name, **kwargs)
        if name == 'after_train_iter' and runner.iter == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Runner, 'call_hook', interrupt)
    with pytest.raises(SystemExit) as info:
        run_tool('train', config, '--work-dir', 'stopped')
    assert info.value.code == 130
    *_, first, second = capsys.readouterr().out.splitlines()
    assert first == 'Interrupted. To continue from stopped/iter_2.pth:'
    assert second.endswith(f'tools/train.py {config} --work-dir stopped --resume')


def test_inherits_a_config_of_mmtadp(run_tool, config, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(Runner, 'from_cfg', lambda cfg: seen.append(cfg) or Untrained())
    child = tmp_path / 'child.py'
    child.write_text("_base_ = 'mmtadp::_base_/default_runtime.py'\nmine = 1\nmodel = {}\n")
    run_tool('train', child)
    assert seen[0].default_scope == 'mmseg'
    assert seen[0].mine == 1


class Untrained:
    """Stands in for a runner where only its config is of interest."""

    hooks = ()

    def train(self):
        pass
