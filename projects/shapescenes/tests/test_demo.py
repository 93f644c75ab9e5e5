import importlib.util
import json
import re
import shutil
import subprocess
from types import ModuleType

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.hooks import Hook

from projects.shapescenes.generator import OBJECT_CLASSES, write_dataset

SMALL = [
    '--training=6',
    '--validation=3',
    '--cfg-options',
    'train_dataloader.dataset.indices=5',
    'train_cfg.max_iters=4',
    'default_hooks.checkpoint.interval=2',
    'default_hooks.logger.interval=1',
    'train_dataloader.batch_size=2',
]


def load_tool(repository, file: str) -> ModuleType:
    path = repository / file
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def demo(repository, tmp_path, monkeypatch) -> ModuleType:
    """The demo's module, with the data folder in the test's own."""
    monkeypatch.chdir(tmp_path)
    return load_tool(repository, 'projects/shapescenes/tools/demo.py')


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
    """Interrupted while the second of three prompts is trained: the first is not repeated."""
    built = []

    def interrupted(cfg, skip_pretrained):
        runner = build_runner(cfg, skip_pretrained)
        built.append(cfg.experiment_name)
        if cfg.experiment_name == 'segmentation captions train':
            runner.register_hook(Interrupt())
        return runner

    build_runner = demo.runs.build_runner
    monkeypatch.setattr(demo.runs, 'build_runner', interrupted)
    with pytest.raises(SystemExit) as stop:
        demo.main(SMALL)
    assert stop.value.code == 130
    assert 'The same command continues' in capsys.readouterr().out
    work_dir = tmp_path / 'work_dirs' / 'demo_segmentation'
    assert (work_dir / 'null_text' / 'metrics.json').exists()
    assert not (work_dir / 'captions' / 'metrics.json').exists()

    def noted(cfg, skip_pretrained):
        built.append(cfg.experiment_name)
        return build_runner(cfg, skip_pretrained)

    monkeypatch.setattr(demo.runs, 'build_runner', noted)
    forget_runs()
    built.clear()
    demo.main(SMALL)
    assert built == [
        f'segmentation {prompt} {part}'
        for prompt in ('captions', 'oracle')
        for part in ('train', 'test')
    ]
    # The third step was lost: the last checkpoint was that of the second.
    assert logged_steps(work_dir / 'captions') == [1, 2, 3, 4]
    metrics = json.loads((work_dir / 'metrics.json').read_text())
    assert list(metrics['prompts']) == ['null text', 'captions', 'oracle']
    assert metrics['iterations'] == 4 and metrics['validation_scenes'] == 3
    assert 0 < metrics['chance']['mIoU'] < 20
    output = capsys.readouterr().out
    for prompt, figures in {**metrics['prompts'], 'background': metrics['chance']}.items():
        row = ''.join(f'{figures[key]:>9.1f}' for key in ('mIoU', 'mAcc', 'aAcc'))
        assert re.search(rf'^{re.escape(row)}  .*{prompt}$', output, re.MULTILINE)
    for name in ('demo.png', 'attention.png', 'metrics.json'):
        assert str(tmp_path) not in name and (work_dir / name).is_file() and name in output
    assert len(list(work_dir.glob('*/predictions/vis_data/vis_image/*.png'))) == 9
    # Image, ground truth and three predictions, at twice their size.
    picture = cv2.imread(str(work_dir / 'demo.png'))
    assert picture.shape[1] == 2 * 5 * 128 + 2 * 12 and picture.std() > 20

    # Once more: nothing is done, and the way to do it again is said.
    before = (work_dir / 'metrics.json').stat().st_mtime_ns
    monkeypatch.setattr(demo.runs, 'build_runner', None)
    demo.main(SMALL)
    assert '--overwrite' in capsys.readouterr().out
    assert (work_dir / 'metrics.json').stat().st_mtime_ns == before


def test_other_scenes_than_asked_for_are_an_error(demo, capsys):
    write_dataset('data/shapescenes', num_training=5, num_validation=3)
    with pytest.raises(SystemExit):
        demo.main(SMALL)
    assert 'training is 5, asked for 6' in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ('task', 'prompts', 'keys', 'drawn'),
    (
        ('depth', 2, {'abs_rel', 'rmse', 'd1'}, 'predictions/vis_data/vis_image/*.png'),
        ('detection', 3, {'AP50', 'COCO_AP'}, 'predictions/*.png'),
    ),
)
def test_task(demo, tmp_path, capsys, task, prompts, keys, drawn):
    demo.main(['--task', task, *SMALL])
    work_dir = tmp_path / 'work_dirs' / f'demo_{task}'
    metrics = json.loads((work_dir / 'metrics.json').read_text())
    assert len(metrics['prompts']) == prompts and set(metrics['chance']) == keys
    for figures in (*metrics['prompts'].values(), metrics['chance']):
        assert set(figures) == keys and np.isfinite([*figures.values()]).all()
    for prompt in metrics['prompts']:
        of = work_dir / prompt.replace(' ', '_')
        assert logged_steps(of) == [1, 2, 3, 4] and len(list(of.glob(drawn))) == 3
    output = capsys.readouterr().out
    assert '5 labelled scenes' in output and '3 others' in output
    for name in (*demo.TASKS[task].pictures, 'metrics.json'):
        assert (work_dir / name).exists() and name in output
    # Images, ground truth and predictions, at twice their size; or ground truth and predictions,
    # at three times and with gaps.
    parts = prompts + 2 if task == 'depth' else prompts + 1
    panel = 2 * 128 * parts if task == 'depth' else 3 * 128 * parts + 4 * prompts
    picture = cv2.imread(str(work_dir / 'demo.png'))
    assert picture.shape[1] == panel + 2 * 12 and picture.std() > 20


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

    assert (
        make()
        .stdout.splitlines()[-2]
        .endswith('projects/shapescenes/tools/demo.py --task segmentation')
    )
    for task in demo.TASKS:
        assert f'projects/shapescenes/tools/demo.py --task {task}' in make(f'TASK={task}').stdout
    wrong = make('TASK=pose')
    assert wrong.returncode == 2 and not wrong.stdout.count('demo.py')
    assert "TASK is 'pose'; choose from: segmentation depth detection" in wrong.stderr


def chance(demo, task: str) -> dict:
    write_dataset('data/shapescenes', num_training=4, num_validation=3)
    # The scenes' own captions stand for a captioner's.
    shutil.copy('data/shapescenes/day/captions.json', 'data/shapescenes/day/captions_long.json')
    return demo.TASKS[task].score_chance(load_config(demo, task))


def load_config(demo, task: str) -> Config:
    return Config.fromfile(demo.TASKS[task].configs[demo.CAPTIONS])


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
    cfg = load_config(demo, 'detection')
    cfg.train_dataloader.dataset.ann_file = cfg.test_dataloader.dataset.ann_file
    perfect = demo.TASKS['detection'].score_chance(cfg)
    assert perfect['coco/bbox_mAP_50'] > 0.2


def test_chance_knows_the_labelled_scenes_only(demo, tmp_path):
    everything = chance(demo, 'depth')
    for index in (2, 3):
        for kind in ('depth', 'images'):
            folder = tmp_path / f'data/shapescenes/day/{kind}/training'
            (folder / f'training_{index:06d}.png').unlink()
    cfg = load_config(demo, 'depth')
    two = demo.TASKS['depth'].score_chance(cfg)
    assert two['abs_rel'] != everything['abs_rel']
    write_dataset('data/shapescenes', num_training=4, num_validation=3)
    cfg.train_dataloader.dataset.indices = 2
    assert demo.TASKS['depth'].score_chance(cfg) == two
