import importlib.util
import json
from types import ModuleType

import cv2
import numpy as np
import pytest
from mmengine.hooks import Hook

from mmtadp.datasets.shapescenes import write_dataset

SMALL = [
    '--training=6',
    '--validation=3',
    '--cfg-options',
    'train_cfg.max_iters=4',
    'train_cfg.val_interval=4',
    'default_hooks.checkpoint.interval=2',
    'default_hooks.logger.interval=1',
    'train_dataloader.batch_size=2',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'test_dataloader.num_workers=0',
    'test_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
]


def load_tool(repository, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, repository / 'tools' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def demo(repository, tmp_path, monkeypatch) -> ModuleType:
    """The demo's module, with the data folder in the test's own."""
    monkeypatch.chdir(tmp_path)
    return load_tool(repository, 'demo')


class Interrupt(Hook):
    """Ctrl-C after three steps."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 2:
            raise KeyboardInterrupt


def logged_steps(work_dir) -> list:
    lines = [
        json.loads(line)
        for path in sorted(work_dir.glob('*/vis_data/scalars.json'))
        for line in path.read_text().splitlines()
    ]
    return [line['step'] for line in lines if 'loss' in line]


@pytest.mark.slow
def test_demo_is_interrupted_continued_and_repeated(
    demo, tmp_path, monkeypatch, capsys, forget_runs
):
    def interrupted(cfg, weights_follow):
        runner = build_runner(cfg, weights_follow)
        runner.register_hook(Interrupt())
        return runner

    build_runner = demo.runs.build_runner
    monkeypatch.setattr(demo.runs, 'build_runner', interrupted)
    with pytest.raises(SystemExit) as stop:
        demo.main(SMALL)
    assert stop.value.code == 130
    assert 'The same command continues' in capsys.readouterr().out
    work_dir = tmp_path / 'work_dirs' / 'tadp_shapes_demo'
    assert not (work_dir / 'metrics.json').exists()

    monkeypatch.setattr(demo.runs, 'build_runner', build_runner)
    forget_runs()
    demo.main(SMALL)
    # The third step was lost: the last checkpoint was that of the second.
    assert logged_steps(work_dir) == [1, 2, 3, 4]
    metrics = json.loads((work_dir / 'metrics.json').read_text())
    assert (
        metrics['continued'] and metrics['iterations'] == 4 and metrics['validation_scenes'] == 3
    )
    assert metrics['ratio'] == pytest.approx(
        metrics['mIoU'] / metrics['mIoU_background_only'], abs=0.02
    )
    output = capsys.readouterr().out
    assert f'mIoU {metrics["mIoU"]:.2f} on 3 scenes' in output
    for name in ('demo.png', 'attention.png', 'metrics.json'):
        assert str(tmp_path) not in name and (work_dir / name).is_file() and name in output
    assert len(list(work_dir.glob('predictions/vis_data/vis_image/*.png'))) == 3
    assert cv2.imread(str(work_dir / 'demo.png')).std() > 20

    # Once more: nothing is done, and the way to do it again is said.
    before = (work_dir / 'metrics.json').stat().st_mtime_ns
    monkeypatch.setattr(demo.runs, 'build_runner', None)
    demo.main(SMALL)
    output = capsys.readouterr().out
    assert '--overwrite' in output and f'mIoU {metrics["mIoU"]:.2f}' in output
    assert (work_dir / 'metrics.json').stat().st_mtime_ns == before


def test_other_scenes_than_asked_for_are_an_error(demo, capsys):
    write_dataset('data/shapescenes', num_training=5, num_validation=3)
    with pytest.raises(SystemExit):
        demo.main(SMALL)
    assert 'training is 5, asked for 6' in capsys.readouterr().err


def test_background_only_by_hand(demo, tmp_path, forget_runs):
    write_dataset('data/shapescenes', num_training=1, num_validation=3)
    cfg = demo.Config.fromfile(demo.CONFIG)
    score = demo.score_background_only(cfg)['mIoU']
    masks = [
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        for path in (tmp_path / 'data/shapescenes/day/annotations/validation').glob('*.png')
    ]
    # Classes that are nowhere have no IoU; those that are have 0.
    present = len(np.unique(masks))
    assert score == pytest.approx(100 * np.mean(np.array(masks) == 0) / present, abs=0.01)
