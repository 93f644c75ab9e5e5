"""The config of docs/custom_dataset.md in a project of its own, through the commands it names."""

import json
import os
import re
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from tests.utils.paths import REPOSITORY
from tests.utils.tiny_model import OUT_CHANNELS
from tests.utils.tiny_runs import write_images

# The tiny pipeline instead of Stable Diffusion 1.5, and two iterations.
OPTIONS = [
    'randomness.seed=0',
    f'model.neck.in_channels={OUT_CHANNELS}'.replace(' ', ''),
    'model.neck.out_channels=8',
    'model.decode_head.in_channels=[8,8,8,8]',
    'model.decode_head.channels=8',
    'train_cfg.max_iters=2',
    'train_cfg.val_interval=2',
    'train_dataloader.batch_size=2',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
    'test_dataloader.num_workers=0',
    'test_dataloader.persistent_workers=False',
]


@pytest.fixture
def project(tmp_path, tiny_pipeline) -> Path:
    """Write another project: the document's config, its data and two captions."""
    page = (REPOSITORY / 'docs' / 'custom_dataset.md').read_text()
    (config,) = re.findall(r'```python\n(.*?)```', page, re.DOTALL)
    assert len(config.splitlines()) < 40
    (tmp_path / 'my_streets.py').write_text(config)
    write_images(tmp_path / 'data' / 'streets')
    captions = {'training_0': 'a cat and a dog', 'validation_1': 'a wall'}
    (tmp_path / 'captions.json').write_text(json.dumps(captions))
    return tmp_path


def run(project: Path, *command: str) -> str:
    # Nothing but what is installed: the clone is not on the path.
    env = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    env['PATH'] = f'{Path(sys.executable).parent}{os.pathsep}{env["PATH"]}'
    result = subprocess.run(
        list(command), cwd=project, env=env, capture_output=True, text=True, check=False
    )
    output = result.stdout + result.stderr
    assert result.returncode == 0, output[-5000:]
    return output


def scores(output: str) -> tuple[float, float]:
    """Pixel accuracy and mIoU that a run printed last."""
    return tuple(map(float, re.findall(r'aAcc: ([\d.]+)  mIoU: ([\d.]+)', output)[-1]))


def test_train_with_mim_and_test_with_stock_mmseg(project, tiny_pipeline):
    options = ['--cfg-options', f'model.backbone.pretrained={tiny_pipeline}', *OPTIONS]
    training = run(
        project, 'mim', 'train', 'mmtadp', 'my_streets.py', '--gpus', '0', '--launcher', 'none',
        '--work-dir', 'work', *options,
    )  # fmt: skip
    assert 'CaptionLoadTransform: 1 of' in training
    flattened = Config.fromfile(project / 'work' / 'my_streets.py')
    assert flattened.model.backbone.type == 'mmtadp.TADPUNetBackbone'
    (checkpoint,) = (project / 'work').glob('best_mIoU_*.pth')
    testing = run(
        project, 'mim', 'test', 'mmseg', 'work/my_streets.py', '--checkpoint', str(checkpoint),
        '--gpus', '0', '--launcher', 'none', '--work-dir', 'tested',
    )  # fmt: skip
    accuracy, miou = scores(testing)
    assert 0 < accuracy < 100
    assert (accuracy, miou) == pytest.approx(scores(training), abs=0.01)


def test_real_street_photographs(project, tiny_pipeline, shared, monkeypatch):
    """360 x 480 photographs with 11 classes, as in the document."""
    (project / 'data' / 'streets' / 'images').rename(project / 'data' / 'generated')
    for name in ('images', 'annotations'):
        folder = project / 'data' / 'streets' / name
        if folder.exists():
            folder.rename(project / 'data' / f'old_{name}')
        folder.symlink_to(shared / 'camvid' / name)
    monkeypatch.chdir(project)
    config = Config.fromfile('my_streets.py')
    options = [*OPTIONS, f'model.backbone.pretrained={tiny_pipeline}', 'work_dir=work']
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    config.merge_from_dict(parser.parse_args(['--cfg-options', *options]).cfg_options)
    config.val_dataloader.dataset.indices = 3
    runner = Runner.from_cfg(config)
    runner.train()
    scores = runner.message_hub.log_scalars
    assert 0 < scores['val/aAcc'].current() < 100
    assert np.isfinite(scores['train/loss'].data[0]).all()
    assert len(runner.train_dataloader.dataset) == 92
    assert len(runner.val_dataloader.dataset) == 3
    assert 'pedestrian' in Path(runner.log_dir, f'{runner.timestamp}.log').read_text()
