import pytest
from mmengine.registry import DATASETS, init_default_scope

from mmtadp.datasets.benchmarks import Comic2kDataset, Watercolor2kDataset
from tests.utils.voc_layout import VOC_CLASSES, write_voc

SIX = ('bicycle', 'bird', 'car', 'cat', 'dog', 'person')
# Image to its boxes: class, corners as VOC counts them (from 1, both inclusive), difficult.
BOXES = {
    '43248445': [('dog', (11, 21, 60, 80), 0), ('person', (1, 1, 100, 75), 0)],
    '91846963': [('sheep', (5, 5, 20, 20), 0), ('bicycle', (5, 5, 20, 20), 1)],
    '10000000': [],
}


@pytest.mark.parametrize('cls', [Watercolor2kDataset, Comic2kDataset])
def test_boxes(tmp_path, cls):
    root = write_voc(tmp_path / 'data', BOXES, 'test')
    init_default_scope('mmdet')
    config = dict(
        type=f'mmtadp.{cls.__name__}',
        data_root=str(root),
        ann_file='ImageSets/Main/test.txt',
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='PackDetInputs', meta_keys=('img_id', 'img_path')),
        ],
    )
    dataset = DATASETS.build(config)
    assert type(dataset) is cls
    assert dataset.metainfo['classes'] == SIX
    assert len(dataset) == 3
    item = dataset[0]
    assert tuple(item['inputs'].shape) == (3, 75, 100)
    sample = item['data_samples']
    assert sample.img_path == f'{root}/JPEGImages/43248445.jpg'
    assert sample.gt_instances.bboxes.tensor.tolist() == [[10, 20, 59, 79], [0, 0, 99, 74]]
    assert sample.gt_instances.labels.tolist() == [4, 5]
    # A class that is none of the six is left out; a difficult box is there, to be ignored.
    sample = dataset[1]['data_samples']
    assert len(sample.gt_instances) == 0
    assert sample.ignored_instances.labels.tolist() == [0]

    config['metainfo'] = dict(classes=VOC_CLASSES)
    dataset = DATASETS.build(config)
    assert dataset.metainfo['classes'] == VOC_CLASSES
    assert dataset[0]['data_samples'].gt_instances.labels.tolist() == [11, 14]


def test_a_folder_inside_the_data_root(tmp_path):
    write_voc(tmp_path / 'watercolor', BOXES, 'test')
    init_default_scope('mmdet')
    dataset = DATASETS.build(
        dict(
            type='mmtadp.Watercolor2kDataset',
            data_root=str(tmp_path),
            data_prefix=dict(sub_data_root='watercolor/'),
            ann_file='watercolor/ImageSets/Main/test.txt',
        )
    )
    assert dataset.get_data_info(0)['img_path'].endswith('watercolor/JPEGImages/43248445.jpg')
