import json
import re
import shutil
import sys

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from projects.shapescenes.demo import CAPTIONS, TASKS
from projects.shapescenes.generator import OBJECT_CLASSES, write_dataset


@pytest.fixture
def folder(repository, tmp_path, monkeypatch):
    """A working directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    # The pictures use the tool that draws attention.
    monkeypatch.setattr(sys, 'path', [*sys.path, str(repository / 'tools' / 'analysis_tools')])


def chance(task: str) -> dict:
    write_dataset('data/shapescenes', num_training=4, num_validation=3)
    # The scenes' own captions stand for a captioner's.
    shutil.copy('data/shapescenes/day/captions.json', 'data/shapescenes/day/captions_long.json')
    return TASKS[task].module.score_chance(load_config(task))


def load_config(task: str) -> Config:
    cfg = Config.fromfile(TASKS[task].configs[CAPTIONS])
    cfg.train_dataloader.dataset.indices = 4
    return cfg


def read_all(folder) -> np.ndarray:
    return np.array([cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in sorted(folder.glob('*'))])


def test_background_only_by_hand(folder, tmp_path):
    score = chance('segmentation')['mIoU']
    masks = read_all(tmp_path / 'data/shapescenes/day/annotations/validation')
    # Classes that are nowhere have no IoU; those that are have 0.
    present = len(np.unique(masks))
    assert score == pytest.approx(100 * np.mean(masks == 0) / present, abs=0.01)


def test_mean_depth_by_hand(folder, tmp_path):
    scores = chance('depth')
    folder = tmp_path / 'data/shapescenes/day/depth'
    mean = np.exp(np.log(read_all(folder / 'training') / 1000).mean(0))
    errors = []
    for depth in read_all(folder / 'validation') / 1000:
        scored = depth < 10
        errors.append((np.abs(mean - depth) / depth)[scored].mean())
    assert scores['abs_rel'] == pytest.approx(np.mean(errors), rel=1e-4)
    assert 0.1 < scores['abs_rel'] < 0.5


def test_boxes_of_training_objects(folder, tmp_path, monkeypatch):
    """Only of classes that the caption names; with the true boxes among them, a perfect score."""
    detection = TASKS['detection'].module
    seen = []
    instances = detection._instances

    def record(boxes, labels, scores):
        seen.append((boxes, labels, scores))
        return instances(boxes, labels, scores)

    monkeypatch.setattr(detection, '_instances', record)
    assert chance('detection')['coco/bbox_mAP_50'] < 0.2
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
    cfg = load_config('detection')
    cfg.train_dataloader.dataset.ann_file = cfg.test_dataloader.dataset.ann_file
    perfect = TASKS['detection'].module.score_chance(cfg)
    assert perfect['coco/bbox_mAP_50'] > 0.2


def test_chance_knows_the_labelled_scenes_only(folder, tmp_path):
    everything = chance('depth')
    for index in (2, 3):
        for kind in ('depth', 'images'):
            folder = tmp_path / f'data/shapescenes/day/{kind}/training'
            (folder / f'training_{index:06d}.png').unlink()
    cfg = load_config('depth')
    two = TASKS['depth'].module.score_chance(cfg)
    assert two['abs_rel'] != everything['abs_rel']
    write_dataset('data/shapescenes', num_training=4, num_validation=3)
    cfg.train_dataloader.dataset.indices = 2
    assert TASKS['depth'].module.score_chance(cfg) == two
