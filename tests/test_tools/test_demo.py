import importlib.util
import json
import re
import shutil
import subprocess
from types import ModuleType

import cv2
import numpy as np
import pytest
from mmengine.hooks import Hook

from mmtadp.datasets.shapescenes import OBJECT_CLASSES, write_dataset

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


@pytest.mark.slow
@pytest.mark.parametrize(
    ('task', 'keys', 'drawn'),
    (
        ('depth', {'abs_rel', 'rmse', 'd1'}, 'predictions/vis_data/vis_image/*.png'),
        ('detection', {'AP50', 'COCO_AP'}, 'predictions/*.png'),
    ),
)
def test_task(demo, demo_pipeline, tmp_path, capsys, task, keys, drawn):
    (tmp_path / 'data' / 'shapescenes').mkdir(parents=True)
    (tmp_path / 'data' / 'shapescenes' / 'tiny_pipeline').symlink_to(demo_pipeline)
    demo.main(['--task', task, *SMALL])
    work_dir = tmp_path / 'work_dirs' / f'tadp_shapes_{task}_demo'
    assert logged_steps(work_dir) == [1, 2, 3, 4]
    assert len(list(work_dir.glob(drawn))) == 3
    metrics = json.loads((work_dir / 'metrics.json').read_text())
    chance = {'depth': 'mean_map', 'detection': 'captions_only'}[task]
    assert all(np.isfinite(metrics[key]) for key in keys | {f'{key}_{chance}' for key in keys})
    output = capsys.readouterr().out
    assert '3 scenes' in output and '6 were' in output
    for name in (*demo.TASKS[task].pictures, 'predictions', 'metrics.json'):
        assert (work_dir / name).exists() and name in output
    picture = cv2.imread(str(work_dir / 'demo.png'))
    # Two columns of an image, its ground truth and the prediction, at twice their size; or of
    # ground truth and prediction, at three times and with a gap.
    panel = 6 * 128 + (4 if task == 'detection' else 0)
    assert picture.shape[1] == 2 * (panel + 12) + 12 and picture.std() > 20


def test_unknown_task(demo, capsys):
    with pytest.raises(SystemExit):
        demo.main(['--task', 'pose'])
    message = capsys.readouterr().err
    assert "invalid choice: 'pose'" in message
    assert re.findall('segmentation|depth|detection', message.splitlines()[-1]) == [*demo.TASKS]


@pytest.mark.skipif(not shutil.which('make'), reason='needs make')
def test_make_hands_the_task_on(demo, repository):
    def make(*arguments: str) -> subprocess.CompletedProcess:
        command = ['make', '--dry-run', '-C', str(repository), 'demo', *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert make().stdout.splitlines()[-2].endswith('tools/demo.py --task segmentation')
    for task in demo.TASKS:
        assert f'tools/demo.py --task {task}' in make(f'TASK={task}').stdout
    wrong = make('TASK=pose')
    assert wrong.returncode == 2 and not wrong.stdout.count('demo.py')
    assert "TASK is 'pose'; choose from: segmentation depth detection" in wrong.stderr


def chance(demo, task: str) -> dict:
    write_dataset('data/shapescenes', num_training=4, num_validation=3)
    return demo.TASKS[task].score_chance(demo.Config.fromfile(demo.TASKS[task].config))


def read_all(folder) -> np.ndarray:
    return np.array([cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in sorted(folder.glob('*'))])


def test_background_only_by_hand(demo, tmp_path):
    score = chance(demo, 'segmentation')['mIoU']
    masks = read_all(tmp_path / 'data/shapescenes/day/annotations/validation')
    # Classes that are nowhere have no IoU; those that are have 0.
    present = len(np.unique(masks))
    assert score == pytest.approx(100 * np.mean(masks == 0) / present, abs=0.01)


def test_mean_depth_by_hand(demo, tmp_path):
    scores = chance(demo, 'depth')
    folder = tmp_path / 'data/shapescenes/day/depth'
    mean = np.exp(np.log(read_all(folder / 'training') / 1000).mean(0))
    errors = []
    for depth in read_all(folder / 'validation') / 1000:
        scored = depth < 10
        errors.append((np.abs(mean - depth) / depth)[scored].mean())
    assert scores['abs_rel'] == pytest.approx(np.mean(errors), rel=1e-4)
    assert 0.1 < scores['abs_rel'] < 0.5


def test_boxes_of_training_objects(demo, tmp_path, monkeypatch):
    """Only of classes that the caption names; with the true boxes among them, a perfect score."""
    detection = importlib.import_module('demo_tasks.detection')
    seen = []
    instances = detection._instances

    def record(boxes, labels, scores):
        seen.append((boxes, labels, scores))
        return instances(boxes, labels, scores)

    monkeypatch.setattr(detection, '_instances', record)
    assert chance(demo, 'detection')['coco/bbox_mAP_50'] < 0.2
    data = tmp_path / 'data/shapescenes/day'
    captions = json.loads((data / 'captions.json').read_text())
    training = json.loads((data / 'instances_training.json').read_text())['annotations']
    assert len(seen) == 3
    for index, (boxes, labels, scores) in enumerate(seen):
        caption = captions[f'validation_{index:06d}']['captions'][0]
        named = {i for i, name in enumerate(OBJECT_CLASSES) if re.search(rf'\b{name}\b', caption)}
        expected = [a for a in training if a['category_id'] - 1 in named]
        assert sorted(labels) == sorted(a['category_id'] - 1 for a in expected)
        assert boxes.shape == (len(expected), 4) and len(set(scores)) == len(expected)

    seen.clear()
    cfg = demo.Config.fromfile(demo.TASKS['detection'].config)
    cfg.train_dataloader.dataset.ann_file = cfg.test_dataloader.dataset.ann_file
    perfect = demo.TASKS['detection'].score_chance(cfg)
    assert perfect['coco/bbox_mAP_50'] > 0.2
