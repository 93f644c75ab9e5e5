"""Trainings and tests: work directories, checkpoints to resume, launchers, numbers, datasets."""

import json
import os
import signal
from pathlib import Path

import mmcv
import numpy as np
import pytest

from mmtadp.utils import launchers
from mmtadp.utils.work_dir import hold_work_dir, release_work_dir
from tests.test_tools.conftest import CONFIG

TORCHRUN = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A config of a stock segmentor, next to two images."""
    for name in TORCHRUN:
        monkeypatch.delenv(name, raising=False)
    for index in range(2):
        pixels = np.full((32, 32), index, np.uint8)
        mmcv.imwrite(pixels, str(tmp_path / 'data' / 'masks' / f'{index}.png'))
        mmcv.imwrite(pixels[..., None] + [0, 50, 100], str(tmp_path / f'data/images/{index}.jpg'))
    path = tmp_path / 'small.py'
    checkpoint = "type='mmtadp.SafeCheckpointHook'"
    text = CONFIG.replace("type='CheckpointHook'", checkpoint).replace(
        'default_hooks = dict(',
        "default_hooks = dict(check_finite=dict(type='mmtadp.CheckFiniteHook'),",
    )
    path.write_text(text.replace('{root}', str(tmp_path / 'data')))
    return path


# Case: arguments of tools/train.py after the config, what the message names.
TRAIN = {
    'iterations below 0': (['train_cfg.max_iters=-1'], ['train_cfg.max_iters=-1', 'at least 1']),
    'no iterations': (['train_cfg.max_iters=0'], ['train_cfg.max_iters=0']),
    'iterations in words': (['train_cfg.max_iters=ten'], ["train_cfg.max_iters='ten'", 'integer']),
    'half an iteration': (['train_cfg.max_iters=1.5'], ['train_cfg.max_iters=1.5', 'integer']),
    'validation never': (['train_cfg.val_interval=0'], ['train_cfg.val_interval=0']),
    'no images in a batch': (['train_dataloader.batch_size=0'], ['train_dataloader.batch_size=0']),
    'workers below 0': (['val_dataloader.num_workers=-1'], ['val_dataloader.num_workers=-1']),
    'accumulating nothing': (
        ['optim_wrapper.accumulative_counts=0'],
        ['optim_wrapper.accumulative_counts=0'],
    ),
    'fewer images than a batch': (
        [
            'train_dataloader.batch_size=4',
            'train_dataloader.drop_last=True',
            'train_dataloader.sampler.type=DefaultSampler',
        ],
        ['train_dataloader', 'BaseSegDataset has 2 images', 'batch_size=4', 'drop_last=False'],
    ),
    'no optimizer': (['optim_wrapper=None'], ['no `optim_wrapper`']),
    'a type that is not registered': (
        ['model.decode_head.type=FCNHaed'],
        ['FCNHaed is not in the mmseg::model registry'],
    ),
    'a learning rate that diverges': (
        ['optim_wrapper.optimizer.lr=1e30'],
        [
            'not finite at iteration',
            'decode.loss_ce is',
            'optim_wrapper.optimizer.lr',
            'clip_grad',
        ],
    ),
    'resume in words': (['resume=yes'], ["resume='yes'", 'True or False', '--resume PATH']),
    'resume without a checkpoint': (
        ['resume=True'],
        ['resume=True in the config', 'has no checkpoint that last_checkpoint points to'],
    ),
    'save_best of another metric': (
        ['train_cfg.max_iters=1', 'train_cfg.val_interval=1']
        + ['default_hooks.checkpoint.save_best=bbox_mAP', 'default_hooks.checkpoint.rule=greater'],
        ["save_best='bbox_mAP' is not a metric", 'mIoU'],
    ),
}


@pytest.mark.parametrize('case', TRAIN)
def test_train(tool, config, case):
    options, names = TRAIN[case]
    tool('train.py', config, '--cfg-options', *options).check(2, names)


def test_an_argument_that_does_not_exist(tool, config):
    config.write_text(config.read_text().replace('num_classes=2', 'num_class=2'))
    tool('train.py', config).check(2, ["unexpected keyword argument 'num_class'", 'DecodeHead'])


def work_dirs(folder: Path) -> None:
    """Write work directories of all kinds."""
    contents = {
        'empty': {},
        'file': None,
        'used': {'iter_2.pth': b'', 'last_checkpoint': b'iter_2.pth'},
        'empty_pointer': {'iter_2.pth': b'', 'iter_4.pth': b'', 'last_checkpoint': b''},
        'blank_pointer': {'last_checkpoint': b' \n'},
        'deleted': {'iter_2.pth': b'', 'last_checkpoint': b'work_dirs/x/iter_4.pth'},
        'binary_pointer': {'iter_2.pth': b'', 'last_checkpoint': b'\x00\xff\x00'},
        'no_pointer': {'iter_2.pth': b''},
    }
    for name, files in contents.items():
        path = folder / name
        if files is None:
            path.write_text('')
            continue
        path.mkdir()
        for time, (file, content) in enumerate(files.items()):
            (path / file).write_bytes(content)
            os.utime(path / file, (time, time))


# Case: work directory, further arguments of tools/train.py, what the message names.
WORK_DIRS = {
    'checkpoints of another run': ('used', [], ['iter_2.pth', '--resume', '--overwrite']),
    'both ways at once': ('used', ['--resume', '--overwrite'], ['--overwrite', '--resume']),
    'a file': ('file', [], ['file is a file', 'work directory']),
    'a file, resumed': ('file', ['--resume'], ['file is a file']),
    'below a file': ('file/runs/1', [], ['file is a file', 'file/runs/1']),
    'nothing to resume': ('empty', ['--resume'], ['empty has no checkpoint', 'found: none']),
    'missing, resumed': ('missing', ['--resume'], ['missing has no checkpoint', '--work-dir']),
    'empty pointer': (
        'empty_pointer',
        ['--resume'],
        [
            'last_checkpoint is empty',
            'iter_2.pth, iter_4.pth',
            '--resume empty_pointer/iter_4.pth',
        ],
    ),
    'blank pointer': ('blank_pointer', ['--resume'], ['last_checkpoint is empty', 'found: none']),
    'damaged pointer': ('binary_pointer', ['--resume'], ['empty or damaged', 'iter_2.pth']),
    'deleted checkpoint': (
        'deleted',
        ['--resume'],
        ["names 'iter_4.pth', which does not exist", '--resume deleted/iter_2.pth'],
    ),
    'no pointer': ('no_pointer', ['--resume'], ['last_checkpoint', 'no_pointer/iter_2.pth']),
    'a checkpoint that does not exist': (
        'new',
        ['--resume', 'used/iter_9.pth'],
        ['used/iter_9.pth does not exist', 'iter_2.pth'],
    ),
    'a read-only file system': ('/proc/runs', [], ['/proc']),
}


@pytest.mark.parametrize('case', WORK_DIRS)
def test_work_dir(tool, config, tmp_path, case):
    work_dirs(tmp_path)
    name, arguments, names = WORK_DIRS[case]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*.pth')}
    tool('train.py', config, '--work-dir', name, *arguments).check(2, names)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*.pth')}
    assert not (tmp_path / 'missing').exists()


def test_a_second_run(tool, config, tmp_path):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        hold_work_dir(tmp_path / 'busy')
        os.write(write, b'x')
        signal.pause()
    try:
        os.read(read, 1)
        (tmp_path / 'busy' / 'iter_2.pth').touch()
        (tmp_path / 'busy' / 'last_checkpoint').write_text('iter_2.pth')
        for arguments in (['--resume'], ['--overwrite']):
            outcome = tool('train.py', config, '--work-dir', 'busy', *arguments)
            outcome.check(2, ['another process is at work in', 'busy', 'another folder'])
        assert (tmp_path / 'busy' / 'last_checkpoint').read_text() == 'iter_2.pth'
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


# Case: launcher, variables that are set, what the message names.
LAUNCHERS = {
    'without torchrun': ('pytorch', [], ['torchrun', 'RANK', 'leave out --launcher']),
    'half of torchrun': ('pytorch', ['RANK', 'WORLD_SIZE'], ['torchrun', 'MASTER_ADDR']),
    'without srun': ('slurm', [], ['srun', 'SLURM_PROCID']),
    'without mpirun': ('mpi', [], ['mpirun', 'OMPI_COMM_WORLD_RANK']),
    'srun without a GPU': (
        'slurm',
        ['SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'],
        ['slurm needs GPUs', 'torchrun'],
    ),
}


@pytest.mark.parametrize('case', LAUNCHERS)
def test_launcher(tool, config, monkeypatch, case):
    launcher, variables, names = LAUNCHERS[case]
    monkeypatch.setattr(launchers, 'get_device', lambda: 'cpu')
    for name in variables:
        monkeypatch.setenv(name, '0')
    tool('train.py', config, '--launcher', launcher).check(2, names)


# Case: arguments of tools/test.py after config and checkpoint, what the message names.
TEST = {
    'images in a batch': (
        ['--cfg-options', 'test_dataloader.batch_size=0'],
        ['test_dataloader.batch_size=0'],
    ),
    'a work directory that is a file': (['--work-dir', 'small.py'], ['small.py is a file']),
}


@pytest.mark.parametrize('case', TEST)
def test_test(tool, config, small_file, case):
    arguments, names = TEST[case]
    tool('test.py', config, small_file('any.pth'), *arguments).check(2, names)


def test_a_part_of_a_config(tool, small_file):
    part = small_file('part.py', "default_scope = 'mmseg'\n")
    tool('train.py', part).check(2, ['no `model`'])


def test_an_error_of_a_worker_is_one_line(tool, config, tmp_path):
    captions = tmp_path / 'captions.json'
    captions.write_text(json.dumps({'0': 'a cat'}))
    text = config.read_text().replace(
        'pipeline = [\n',
        f"pipeline = [dict(type='mmtadp.CaptionLoadTransform', ann_file='{captions}'),\n",
    )
    config.write_text(text)
    outcome = tool('train.py', config, '--cfg-options', 'train_dataloader.num_workers=1')
    outcome.check(2, ['error: no caption', 'captions.json', '1.jpg'])
    assert 'DataLoader worker' not in outcome.message


@pytest.fixture(autouse=True)
def free_folders(tmp_path):
    """Release the locks of runs that a test ended."""
    yield
    for folder in tmp_path.glob('*'):
        release_work_dir(folder)
