import json

import mmcv
import numpy as np
import pytest
from mmengine.config import Config

from mmtadp.captions.oracle import class_names_caption, oracle_captions
from mmtadp.datasets.transforms import OracleCaptionTransform
from mmtadp.utils.errors import RunError

NAMES = ['wall', 'tree', 'cat', 'dog']


@pytest.fixture
def segmentation(tmp_path) -> Config:
    """Masks whose zeros are no class: image 0 has classes 0 and 1, 1 has 1 and 2, ...."""
    for index in range(3):
        mask = np.zeros((8, 8), np.uint8)
        mask[2:4], mask[4:] = index + 1, index + 2
        mmcv.imwrite(mask, str(tmp_path / 'masks' / 'day' / f'{index}.png'))
        mmcv.imwrite(np.zeros((8, 8, 3), np.uint8), str(tmp_path / 'images/day' / f'{index}.jpg'))
    dataset = dict(
        type='BaseSegDataset',
        data_root=str(tmp_path),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        metainfo=dict(classes=NAMES),
        reduce_zero_label=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='mmseg.LoadAnnotations', reduce_zero_label=True),
            dict(type='mmtadp.CaptionLoadTransform', ann_file='not there yet.json'),
            dict(type='PackSegInputs'),
        ],
    )
    return Config(
        dict(
            default_scope='mmseg',
            train_dataloader=dict(dataset=dict(type='RepeatDataset', times=2, dataset=dataset)),
            val_dataloader=dict(dataset=dataset),
        )
    )


def test_masks(segmentation):
    oracle = OracleCaptionTransform(NAMES)
    assert oracle_captions(segmentation, 'seg.py', oracle) == {
        'day/0.jpg': 'wall tree',
        'day/1.jpg': 'tree cat',
        'day/2.jpg': 'cat dog',
    }
    names = oracle_captions(segmentation, 'seg.py', oracle, 'stem', splits=['val'])
    assert list(names) == ['0', '1', '2']


def test_choices_are_those_of_the_transform(segmentation, tmp_path):
    oracle = OracleCaptionTransform(NAMES, precision=0.5, recall=0.5, seed=4)
    captions = oracle_captions(segmentation, 'seg.py', oracle)
    for index in range(3):
        sample = dict(
            img_path=str(tmp_path / 'images' / 'day' / f'{index}.jpg'),
            gt_seg_map=np.array([index, index + 1, 255]),
        )
        assert captions[f'day/{index}.jpg'] == oracle(sample)['caption']
        assert len(captions[f'day/{index}.jpg'].split()) == 2  # one of two, and a wrong one


def test_boxes(tmp_path):
    annotations = dict(
        images=[dict(id=i, file_name=f'{i}.jpg', width=9, height=9) for i in range(3)],
        categories=[dict(id=i, name=name) for i, name in enumerate(NAMES)],
        annotations=[
            dict(
                id=i, image_id=image, category_id=label, bbox=[1, 1, 4, 4], area=16, iscrowd=crowd
            )
            for i, (image, label, crowd) in enumerate([(0, 3, 0), (0, 2, 0), (0, 1, 1), (1, 2, 0)])
        ],
    )
    (tmp_path / 'boxes.json').write_text(json.dumps(annotations))
    dataset = dict(
        type='CocoDataset',
        data_root=str(tmp_path),
        ann_file='boxes.json',
        data_prefix=dict(img='images/'),
        metainfo=dict(classes=NAMES),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='PackDetInputs'),
        ],
    )
    config = Config(dict(default_scope='mmdet', train_dataloader=dict(dataset=dataset)))
    captions = oracle_captions(config, 'det.py', OracleCaptionTransform(NAMES))
    assert captions == {'0.jpg': 'cat dog', '1.jpg': 'cat', '2.jpg': ''}


def test_what_goes_wrong(segmentation, tmp_path):
    oracle = OracleCaptionTransform(NAMES[:2])
    with pytest.raises(RunError, match='no name for label 2'):
        oracle_captions(segmentation, 'seg.py', oracle)
    (tmp_path / 'masks/day/0.png').unlink()
    with pytest.raises(RunError, match='0.jpg cannot be read .FileNotFoundError'):
        oracle_captions(segmentation, 'seg.py', oracle)
    segmentation.val_dataloader.dataset.pipeline = [dict(type='LoadImageFromFile')]
    with pytest.raises(RunError, match='a BaseSegDataset has no LoadAnnotations'):
        oracle_captions(segmentation, 'seg.py', oracle, splits=['val'])


def test_class_names():
    assert class_names_caption(NAMES) == 'wall tree cat dog'
