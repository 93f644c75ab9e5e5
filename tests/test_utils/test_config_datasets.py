import pytest
from mmengine.config import Config

from mmtadp.utils.config_datasets import dataset_class_names


def config_of(dataset, scope='mmseg'):
    return Config(dict(default_scope=scope, train_dataloader=dict(dataset=dataset)))


def test_of_the_dataset_s_type():
    pytest.importorskip('mmseg', reason='needs mmseg')
    names = dataset_class_names(config_of(dict(type='CityscapesDataset', data_root='gone')))
    assert len(names) == 19 and names[0] == 'road'


def test_of_mmdet():
    pytest.importorskip('mmdet', reason='needs mmdet')
    assert len(dataset_class_names(config_of(dict(type='CocoDataset'), 'mmdet'))) == 80


def test_metainfo_counts_more_and_wrappers_are_looked_into():
    inner = dict(type='BaseSegDataset', metainfo=dict(classes=('crack', 'rust')))
    wrapped = dict(type='RepeatDataset', dataset=dict(type='ConcatDataset', datasets=[inner]))
    assert dataset_class_names(config_of(wrapped)) == ['crack', 'rust']


def test_no_names():
    pytest.importorskip('mmseg', reason='needs mmseg')
    with pytest.raises(ValueError, match=r'none of the 1 datasets .*metainfo=dict\(classes'):
        dataset_class_names(config_of(dict(type='BaseSegDataset')))
