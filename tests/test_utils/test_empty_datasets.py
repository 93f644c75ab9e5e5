"""Why a dataset has no image, in a run and for a config."""

import json

import pytest
from mmengine.config import Config

from mmtadp.utils.empty_datasets import explain_empty
from mmtadp.utils.errors import RunError
from mmtadp.utils.quiet import QuietRunner
from tests.utils.small_datasets import (
    coco_config,
    segmentation_config,
    voc_config,
    write_coco,
    write_segmentation,
)


def explain(config: dict) -> str | None:
    config = Config(config)
    return explain_empty(config, config.train_dataloader.dataset)


def test_a_dataset_with_images(tmp_path):
    assert explain(segmentation_config(write_segmentation(tmp_path))) is None
    assert explain(coco_config(write_coco(tmp_path))) is None


def test_the_suffix(tmp_path):
    write_segmentation(tmp_path, suffix='.JPG')
    reason = explain(segmentation_config(tmp_path, suffix='.jpg'))
    assert f'{tmp_path}/images/training has no *.jpg (2 x .JPG)' in reason
    assert "Set img_suffix='.JPG'" in reason


def test_folders_lists_and_annotation_files(tmp_path):
    (tmp_path / 'images').mkdir()
    reason = explain(segmentation_config(tmp_path))
    assert f'there is no folder {tmp_path}/images/training' in reason
    (tmp_path / 'images/training').mkdir()
    assert 'nor any other file' in explain(segmentation_config(tmp_path))
    assert 'train.txt does not exist' in explain(voc_config(tmp_path))
    (tmp_path / 'ImageSets/Main').mkdir(parents=True)
    (tmp_path / 'ImageSets/Main/train.txt').write_text('\n')
    assert 'train.txt is empty' in explain(voc_config(tmp_path))
    (tmp_path / 'instances.json').write_text(json.dumps({'annotations': []}))
    assert 'lists no images' in explain(coco_config(tmp_path))


def test_filters_and_wrappers(tmp_path):
    write_coco(tmp_path, lambda content: content['annotations'].clear())
    config = coco_config(tmp_path, filter_cfg=dict(filter_empty_gt=True))
    leaf = config['train_dataloader']['dataset']
    config['train_dataloader']['dataset'] = dict(
        type='RepeatDataset', times=2, dataset=dict(type='ConcatDataset', datasets=[leaf])
    )
    reason = explain(config)
    assert "filter_cfg={'filter_empty_gt': True} leaves out all 2 images" in reason
    assert 'cat, dog' in reason


def test_a_run_says_it(tmp_path):
    write_segmentation(tmp_path, suffix='.JPG')
    config = Config(segmentation_config(tmp_path))
    runner = QuietRunner.__new__(QuietRunner)
    runner.cfg = config
    loader = dict(
        batch_size=1, dataset=config.train_dataloader.dataset, sampler=dict(type='DefaultSampler')
    )
    with pytest.raises(RunError, match=r'images/training has no \*\.png \(2 x \.JPG\)'):
        runner.build_dataloader(loader)
    # Another error stays as it is.
    loader['dataset'] = dict(loader['dataset'], img_suffix='.JPG', data_prefix=None)
    with pytest.raises(Exception) as error:
        runner.build_dataloader(loader)
    assert not isinstance(error.value, RunError)
