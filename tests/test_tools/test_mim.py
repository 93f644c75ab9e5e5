"""One config of each task through mim: mmtadp's tools and the stock ones of mmseg and mmdet."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from tests.utils.family_runs import tiny_version
from tests.utils.layouts_det import write_detection
from tests.utils.layouts_nyu import write_nyu
from tests.utils.layouts_seg import write_streets
from tests.utils.paths import REPOSITORY

CONFIGS = REPOSITORY / 'configs' / 'tadp'
pytestmark = pytest.mark.slow


def mmdet() -> str:
    """What mim calls it: onedl-mim knows its own mmdet by the name of the project only."""
    try:
        importlib.metadata.version('mmdet')
    except importlib.metadata.PackageNotFoundError:
        return 'mmdetection'
    return 'mmdet'


@pytest.fixture
def mim(tmp_path, path_of_tests):
    def run(*arguments: str) -> str:
        program = str(Path(sys.executable).with_name('mim'))
        done = subprocess.run(
            [program, *arguments],
            cwd=tmp_path,
            env=dict(os.environ, PYTHONPATH=path_of_tests),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    return run


@pytest.mark.parametrize(
    ('task', 'name', 'write', 'trained_by', 'metric'),
    [
        (
            'detection',
            'tadp_simple_voc2comic_100e',
            write_detection,
            'mmdet',
            'voc07_11point/AP50',
        ),
        ('depth', 'vpd_ls_nyu_1e', write_nyu, 'mmtadp', 'rmse'),
        ('segmentation', 'tadp0_simple_cityscapes2acdc_40k', write_streets, 'mmtadp', 'fog/mIoU'),
    ],
)
def test_train_and_test(task, name, write, trained_by, metric, mim, tiny_pipeline, tmp_path):
    write(tmp_path / 'data')
    stock = mmdet() if task == 'detection' else 'mmseg'
    folder = tmp_path / 'work'
    config = tiny_version(Config.fromfile(CONFIGS / f'{name}.py'), tiny_pipeline, folder)
    config.custom_imports = dict(imports=['tests.utils.unformatted_dumps'])
    config.dump(tmp_path / 'tiny.py')
    mim('train', stock if trained_by == 'mmdet' else trained_by, 'tiny.py', '--gpus', '0')
    (checkpoint,) = set(folder.glob('*_[12].pth')) - set(folder.glob('best_*'))
    # What a run leaves in its folder is the config in one piece.
    tested = ['work/tiny.py', '--checkpoint', str(checkpoint), '--gpus', '0']
    assert f'{metric}: ' in mim('test', stock, *tested)
    if trained_by == 'mmdet':
        mim('train', 'mmtadp', 'tiny.py', '--gpus', '0', '--overwrite')
        assert f'{metric}: ' in mim('test', 'mmtadp', *tested)


def test_captions_and_template(mim, tiny_pipeline, tmp_path):
    write_nyu(tmp_path / 'data')
    folder = tmp_path / 'work'
    config = tiny_version(Config.fromfile(CONFIGS / 'tadp40_nyu_1e.py'), tiny_pipeline, folder)
    config.custom_imports = dict(imports=['tests.utils.unformatted_dumps'])
    config.dump(tmp_path / 'tiny.py')
    # The config's own caption file is no longer there.
    (file,) = (tmp_path / 'data' / 'captions').glob('*min=40*')
    file.rename(tmp_path / 'mine.json')
    template = 'a wide photo of a {caption}'
    options = ['--captions', 'mine.json', '--template', template]
    printed = mim('train', 'mmtadp', 'tiny.py', '--gpus', '0', *options)
    assert 'Captions (train)' in printed and 'Captions (val)' in printed
    pipeline = Config.fromfile(folder / 'tiny.py').train_dataloader.dataset.pipeline
    load, modifier = pipeline[:2]
    assert (load.ann_file, modifier.template) == ('mine.json', template)
    (checkpoint,) = set(folder.glob('epoch_*.pth'))
    tested = ['tiny.py', '--checkpoint', str(checkpoint), '--gpus', '0', *options]
    assert 'rmse: ' in mim('test', 'mmtadp', *tested)
