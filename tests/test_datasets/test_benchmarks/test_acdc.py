import numpy as np
import pytest
from mmcv import imwrite
from mmengine.dataset import ConcatDataset
from mmengine.registry import DATASETS, init_default_scope
from mmseg.datasets import CityscapesDataset

from mmtadp.datasets.benchmarks import ACDCDataset

CONDITIONS = ('fog', 'night', 'rain', 'snow')


@pytest.fixture
def acdc(tmp_path):
    """Two frames of a condition, label 10 in the first and 13 in the second."""
    for condition in CONDITIONS:
        for split in ('train', 'val'):
            for frame, label in ((1, 10), (2, 13)):
                stem = f'{condition}/{split}/GOPR01/GOPR01_frame_00000{frame}'
                imwrite(np.zeros((9, 16, 3)), str(tmp_path / f'rgb_anon/{stem}_rgb_anon.png'))
                for kind in ('labelTrainIds', 'labelIds', 'invIds'):
                    mask = np.full((9, 16), label, dtype=np.uint8)
                    imwrite(mask, str(tmp_path / f'gt/{stem}_gt_{kind}.png'))
        reference = f'{condition}/val_ref/GOPR01/GOPR01_frame_000001_rgb_ref_anon.png'
        imwrite(np.zeros((9, 16, 3)), str(tmp_path / 'rgb_anon' / reference))
    return tmp_path


def condition_config(root, condition):
    return dict(
        type='mmtadp.ACDCDataset',
        data_root=str(root),
        data_prefix=dict(img_path=f'rgb_anon/{condition}/val', seg_map_path=f'gt/{condition}/val'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='mmtadp.SetDomain', domain=condition),
            dict(type='PackSegInputs', meta_keys=('img_path', 'seg_map_path', 'domain')),
        ],
    )


def test_a_condition(acdc):
    init_default_scope('mmseg')
    dataset = DATASETS.build(condition_config(acdc, 'night'))
    assert type(dataset) is ACDCDataset
    assert dataset.metainfo['classes'] == CityscapesDataset.METAINFO['classes']
    assert len(dataset.metainfo['classes']) == 19
    assert len(dataset) == 2
    for index, label in enumerate((10, 13)):
        sample = dataset[index]['data_samples']
        stem = f'night/val/GOPR01/GOPR01_frame_00000{index + 1}'
        assert sample.img_path == str(acdc / f'rgb_anon/{stem}_rgb_anon.png')
        assert sample.seg_map_path == str(acdc / f'gt/{stem}_gt_labelTrainIds.png')
        assert sample.gt_sem_seg.data.unique().tolist() == [label]
        assert sample.domain == 'night'


def test_all_conditions_without_references(acdc):
    init_default_scope('mmseg')
    config = condition_config(acdc, 'night')
    config['data_prefix'] = dict(img_path='rgb_anon', seg_map_path='gt')
    dataset = DATASETS.build(config)
    assert len(dataset) == len(CONDITIONS) * 2 * 2
    # Each has its mask.
    assert sum('gt_sem_seg' in sample['data_samples'] for sample in dataset) == 16


def test_evaluated_with_other_night_datasets_in_one_run(acdc):
    init_default_scope('mmseg')
    stock = [
        dict(type=name, data_prefix=dict(img_path='', seg_map_path=''), lazy_init=True)
        for name in ('CityscapesDataset', 'DarkZurichDataset', 'NightDrivingDataset')
    ]
    conditions = [condition_config(acdc, condition) for condition in CONDITIONS]
    dataset = ConcatDataset([*conditions, *stock], lazy_init=True)
    assert dataset.metainfo['classes'] == CityscapesDataset.METAINFO['classes']
    dataset = ConcatDataset(conditions)
    domains = [sample['data_samples'].domain for sample in dataset]
    assert domains == [condition for condition in CONDITIONS for _ in range(2)]
