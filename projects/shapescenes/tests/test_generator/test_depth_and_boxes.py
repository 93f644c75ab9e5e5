"""Depth and boxes: consistent with what is seen, and read by stock datasets."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from projects.shapescenes.generator import (
    OBJECT_CLASSES,
    Scene,
    render_scene,
    sample_scene,
    scene_captions,
    visible_boxes,
    write_dataset,
)

SIZE = 64


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('shapes')
    write_dataset(root, num_training=6, num_validation=4, size=SIZE)
    return root


def build_dataset(repository: Path, root: Path, name: str, split: str):
    """The dataset of a config, from another folder."""
    config = Config.fromfile(
        repository / 'projects/shapescenes/configs/_base_' / 'datasets' / f'{name}.py'
    )
    dataset = config[f'{split}_dataloader'].dataset
    dataset.data_root = str(root / 'day')
    dataset.pipeline[0].ann_file = str(root / 'day' / 'captions.json')
    scope = 'mmdet' if dataset.type == 'CocoDataset' else 'mmseg'
    with DefaultScope.overwrite_default_scope(scope):
        return DATASETS.build(dataset)


def test_where_objects_overlap_the_nearest_is_seen():
    overlaps = 0
    for index in range(40):
        scene = sample_scene(6, index)
        instances = render_scene(scene, SIZE).instances
        alone = np.stack(
            [
                render_scene(Scene(**{**vars(scene), 'objects': (obj,)}), SIZE).instances > 0
                for obj in scene.objects
            ]
        )
        depths = np.array([obj.depth for obj in scene.objects])[:, None, None]
        nearest = np.where(alone, depths, np.inf).argmin(0) + 1
        assert np.array_equal(instances, np.where(alone.any(0), nearest, 0))
        overlaps += np.count_nonzero(alone.sum(0) > 1)
    assert overlaps > 1000


def test_depth_is_within_range_and_that_of_the_ground_at_an_object_s_foot():
    lowest, highest = [], []
    for index in range(60):
        scene = sample_scene(6, index)
        depth = render_scene(scene, 128).depth / 1000
        lowest.append(depth.min())
        highest.append(depth.max())
        ground = render_scene(Scene(**{**vars(scene), 'objects': ()}), 128).depth[:, 0] / 1000
        for obj in scene.objects:
            row = int(scene.ground_row(obj.depth) * 128)
            # The ground under a row of pixels spans a few per cent of its depth.
            assert ground[row] == pytest.approx(obj.depth, rel=0.04)
            assert 2.0 <= obj.depth <= 4.8
            assert obj.depth < scene.wall_depth
    assert 1.4 < min(lowest) < 1.9
    assert max(highest) == 10.0
    assert 6.0 < min(highest) < 8.0


def test_boxes_are_the_extents_of_what_is_visible(root):
    coco = json.loads((root / 'day' / 'instances_validation.json').read_text())
    partly_hidden = 0
    for index, image in enumerate(coco['images']):
        scene = sample_scene(0, 1, index)
        instances = render_scene(scene, SIZE).instances
        boxes = [a for a in coco['annotations'] if a['image_id'] == image['id']]
        assert len(boxes) == len(scene.objects)
        for position, annotation in enumerate(boxes):
            rows, columns = np.nonzero(instances == position + 1)
            x, y, width, height = annotation['bbox']
            assert (x, y) == (columns.min(), rows.min())
            assert (x + width, y + height) == (columns.max() + 1, rows.max() + 1)
            assert annotation['area'] == len(rows)
            name = OBJECT_CLASSES[annotation['category_id'] - 1]
            assert name == scene.objects[position].name
            whole = Scene(**{**vars(scene), 'objects': (scene.objects[position],)})
            (box,) = visible_boxes(render_scene(whole, SIZE).instances).values()
            partly_hidden += box[4] > annotation['area']
    assert partly_hidden > 0


def test_pycocotools_scores_the_boxes(root, capsys):
    truth = COCO(str(root / 'day' / 'instances_training.json'))
    assert len(truth.getImgIds()) == 6 and len(truth.getCatIds()) == 24
    perfect = [
        dict(image_id=a['image_id'], category_id=a['category_id'], bbox=a['bbox'], score=0.9)
        for a in truth.dataset['annotations']
    ]
    evaluation = COCOeval(truth, truth.loadRes(perfect), 'bbox')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[:2] == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(('split', 'count'), (('train', 6), ('val', 4)))
def test_mmseg_reads_the_depth_in_metres(repository, root, split, count):
    dataset = build_dataset(repository, root, 'shapescenes_depth', split)
    assert type(dataset).__name__ == 'NYUDataset' and len(dataset) == count
    sample = dataset[2]['data_samples']
    scene = sample_scene(0, int(split == 'val'), 2)
    expected = render_scene(scene, SIZE).depth / 1000
    found = sample.gt_depth_map.data.numpy().squeeze()
    if sample.metainfo.get('flip'):
        found = found[:, ::-1]
    assert found.dtype == np.float32 and np.allclose(found, expected, atol=1e-4)
    assert sample.caption == scene_captions(scene)[0]


def test_mmdet_reads_the_boxes_and_captions(repository, root):
    dataset = build_dataset(repository, root, 'shapescenes_detection', 'val')
    assert type(dataset).__name__ == 'CocoDataset' and len(dataset) == 4
    assert tuple(dataset.metainfo['classes']) == OBJECT_CLASSES
    scene = sample_scene(0, 1, 3)
    boxes = visible_boxes(render_scene(scene, SIZE).instances)
    sample = dataset[3]['data_samples']
    # The config resizes to the 128 pixels that the demo renders.
    assert sample.img_shape == (128, 128)
    found = sample.gt_instances.bboxes.tensor / 2
    for index, (x, y, width, height, _) in boxes.items():
        assert found[index].tolist() == [x, y, x + width, y + height]
        label = OBJECT_CLASSES.index(scene.objects[index].name)
        assert sample.gt_instances.labels[index] == label
        assert scene.objects[index].name in sample.caption
