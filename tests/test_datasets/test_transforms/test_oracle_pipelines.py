"""Oracle captions behind what mmseg and mmdet load, resize and crop."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmcv import imwrite
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, init_default_scope

from mmtadp.datasets import OracleCaptionTransform
from tests.utils.voc_layout import VOC_CLASSES, write_voc

NAMES = ('wall', 'cat', 'dog')
# As the authors' captions spell VOC's classes.
VOC_NAMES = (
    'background', 'airplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair',
    'cow', 'dining table', 'dog', 'horse', 'motorcycle', 'person', 'potted plant', 'sheep', 'sofa',
    'train', 'television',
)  # fmt: skip
ORACLE = dict(type='mmtadp.OracleCaptionTransform', class_names=NAMES)


@pytest.fixture
def ade(tmp_path):
    """One image: wall on the left, dog on the right, a cat of two pixels, and label 0."""
    mask = np.zeros((32, 64), dtype=np.uint8)
    mask[4:, :32], mask[4:, 32:], mask[5, :2] = 1, 3, 2
    imwrite(mask, str(tmp_path / 'annotations/a.png'))
    imwrite(np.zeros((32, 64, 3), dtype=np.uint8), str(tmp_path / 'images/a.jpg'))
    return tmp_path


def seg_dataset(root: Path, *transforms: dict) -> BaseDataset:
    """ADE20K's dataset, which takes 1 off each label."""
    init_default_scope('mmseg')
    return DATASETS.build(
        dict(
            type='mmseg.ADE20KDataset',
            data_root=str(root),
            data_prefix=dict(img_path='images', seg_map_path='annotations'),
            pipeline=[dict(type='LoadImageFromFile'), *transforms],
        )
    )


PACK = dict(type='PackSegInputs', meta_keys=('caption', 'flip'))
LOAD = dict(type='LoadAnnotations', reduce_zero_label=True)


def test_mask_as_loaded(ade):
    sample = seg_dataset(ade, LOAD, ORACLE, PACK)[0]['data_samples']
    assert sample.caption == 'wall cat dog'
    assert sample.gt_sem_seg.data.unique().tolist() == [0, 1, 2, 255]


def test_in_front_of_the_crop_behind_it_and_both(ade):
    crop = dict(type='RandomCrop', crop_size=(16, 16))
    after = dict(type='mmtadp.OracleCropTransform')
    behind = seg_dataset(ade, LOAD, crop, ORACLE, PACK)
    both = seg_dataset(ade, LOAD, ORACLE, crop, after, PACK)
    in_front = seg_dataset(ade, LOAD, ORACLE, crop, PACK)
    np.random.seed(0)
    for dataset in (behind, both):
        captions = set()
        for _ in range(20):
            sample = dataset[0]['data_samples']
            present = [NAMES[n] for n in sample.gt_sem_seg.data.unique().tolist() if n != 255]
            assert sample.caption == ' '.join(present)
            captions.add(sample.caption)
        assert {'wall', 'dog', 'wall dog'} <= captions
    assert {in_front[0]['data_samples'].caption for _ in range(5)} == {'wall cat dog'}


def test_test_time_augmentation(ade):
    # Ground truth is loaded behind the resizing, at its own size: each view has the same caption.
    scales = [dict(type='Resize', scale_factor=factor, keep_ratio=True) for factor in (0.25, 1.0)]
    flips = [dict(type='RandomFlip', prob=prob, direction='horizontal') for prob in (0.0, 1.0)]
    options = dict(type='mmtadp.OracleCaptionTransform', class_names=NAMES, recall=0.5)
    for oracle in (ORACLE, options):
        tta = dict(type='TestTimeAug', transforms=[scales, flips, [LOAD], [oracle], [PACK]])
        samples = seg_dataset(ade, tta)[0]['data_samples']
        assert [sample.flip for sample in samples] == [False, True] * 2
        (caption,) = {sample.caption for sample in samples}
    assert 1 <= len(caption.split()) <= 2


def test_boxes(tmp_path):
    boxes = {
        '1': [
            ('dog', (1, 1, 20, 20), 0),
            ('diningtable', (70, 50, 100, 75), 0),
            ('cat', (1, 1, 20, 20), 1),
        ]
    }
    write_voc(tmp_path, boxes, 'train')
    init_default_scope('mmdet')
    oracle = dict(type='mmtadp.OracleCaptionTransform', class_names=VOC_NAMES[1:])
    crop = dict(type='RandomCrop', crop_size=(40, 50))
    after = dict(type='mmtadp.OracleCropTransform')
    dataset = dict(
        type='mmtadp.Watercolor2kDataset',
        metainfo=dict(classes=VOC_CLASSES),
        data_root=str(tmp_path),
        ann_file='ImageSets/Main/train.txt',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            oracle,
            crop,
            after,
            dict(type='PackDetInputs', meta_keys=('caption',)),
        ],
    )
    np.random.seed(0)
    dataset = DATASETS.build(dataset)
    captions = set()
    for _ in range(30):
        sample = dataset[0]['data_samples']
        labels = sorted(set(sample.gt_instances.labels.tolist()))
        assert sample.caption == ' '.join(VOC_NAMES[1:][label] for label in labels)
        captions.add(sample.caption)
    # A difficult box has no name, and a crop never has both of the others.
    assert captions == {'dog', 'dining table'}


def labels_of(caption: str) -> list[int]:
    """Labels of a caption's names, which may be of two words."""
    words, labels = caption.split(), []
    while words:
        name = ' '.join(words[:2]) if ' '.join(words[:2]) in VOC_NAMES else words[0]
        labels.append(VOC_NAMES.index(name))
        words = words[len(name.split()) :]
    return labels


def test_published_captions(shared):
    entries = json.loads((shared / 'captions' / 'pascal_class_names.json').read_text())
    assert len(entries) == 12031
    oracle = OracleCaptionTransform(VOC_NAMES, always_named=['background'])
    with_background = 0
    for key, entry in entries.items():
        (caption,) = entry['captions']
        labels = labels_of(caption)
        with_background += labels[0] == 0
        # Any order of pixels gives the published caption, letter by letter.
        mask = np.array([[*reversed(labels), 255]], dtype=np.uint8)
        assert oracle(dict(img_path=f'{key}.jpg', gt_seg_map=mask))['caption'] == caption
    # 38 crops had no background.
    assert with_background == 11993
