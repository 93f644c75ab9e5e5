"""Datasets that the hook looks at before a run."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS, DefaultScope
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmtadp.datasets import CheckGroundTruth
from mmtadp.engine.hooks import CheckDatasetHook
from mmtadp.utils.errors import RunError, exit_code
from tests.utils.small_datasets import (
    change_masks,
    coco_config,
    segmentation_config,
    turn_images,
    write_coco,
    write_segmentation,
)
from tests.utils.tiny_runs import tiny_config, write_images


def look(config: dict, split: str = 'train', wrap=lambda dataset: dataset, **arguments) -> None:
    """Let the hook look at a split of a config, built as a run builds it."""
    config = Config(config)
    dataset = wrap(config[f'{split}_dataloader'].dataset)
    with DefaultScope.overwrite_default_scope(config.default_scope):
        loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=DATASETS.build(dataset)))
    hook = CheckDatasetHook(**arguments)
    hook.before_run(SimpleNamespace(**{f'_{split}_loop': loop}, cfg=config))


@pytest.fixture
def log(caplog):
    """The log, of which mmengine's logger is not a part by itself."""
    MMLogger.get_instance('look').addHandler(caplog.handler)
    with caplog.at_level(logging.WARNING):
        yield caplog


def test_good_data(tmp_path, log):
    write_segmentation(tmp_path)
    for split in ('train', 'val'):
        look(segmentation_config(tmp_path), split)
    look(coco_config(write_coco(tmp_path / 'coco')))
    assert not [r for r in log.records if 'looked at' in r.getMessage()]


@pytest.mark.parametrize(
    ('change', 'problem'),
    [
        (lambda m: np.stack([m] * 3, -1), 'has 3 channels'),
        (lambda m: m[::2, ::2], 'the mask has 24 x 32 pixels'),
        (lambda m: m * 3, 'has label 3, 6'),
        (lambda m: m.astype(np.uint16) + 256, 'values from 256 to 258 in'),
    ],
    ids=['channels', 'size', 'labels', 'bits'],
)
def test_what_cannot_be_right_stops_the_run(tmp_path, change, problem):
    change_masks(write_segmentation(tmp_path), change)
    with pytest.raises(RunError) as error:
        look(segmentation_config(tmp_path))
    message = str(error.value)
    assert f'{tmp_path}/annotations/training/training_0.png: ' in message
    assert problem in message
    assert 'The same kind: 1 more.' in message
    assert 'check_dataset.py' in message


def test_what_may_be_wrong_is_a_warning(tmp_path, log):
    change_masks(
        write_segmentation(tmp_path, suffix='.jpg'), lambda m: ((m > 0) * 255).astype(np.uint8)
    )
    turn_images(tmp_path, 3)
    look(segmentation_config(tmp_path, suffix='.jpg', classes=('ground', 'thing')))
    assert 'annotations/training/training_0.png: has the values 0 and 255 only' in log.text
    assert 'class 1 (thing) occurs in no mask; 255 (ignored) covers 67%' in log.text
    assert 'images/training/training_0.jpg: has the EXIF orientation 3' in log.text


def test_a_sample_of_a_large_dataset_and_of_each_part_of_a_wrapper(tmp_path):
    write_segmentation(tmp_path, per_split=9)
    last = tmp_path / 'annotations/training/training_8.png'
    last.unlink()
    config = segmentation_config(tmp_path)
    with pytest.raises(RunError, match='train, 3 of 9 images looked at'):
        look(config, num_samples=3)
    look(config, num_samples=1)
    look(config, num_samples=0)
    with pytest.raises(RunError, match=r'training_8\.png: does not exist'):
        look(
            config,
            wrap=lambda part: dict(
                type='ConcatDataset',
                datasets=[Config(config).val_dataloader.dataset, part],
            ),
        )


def test_the_transform_learns_classes_and_ignored_label(tmp_path):
    write_segmentation(tmp_path)
    config = segmentation_config(tmp_path)
    config['model']['decode_head']['ignore_index'] = 2
    check = CheckGroundTruth()
    config['train_dataloader']['dataset']['pipeline'].insert(3, check)
    config = Config(dict(default_scope='mmseg', model=config['model'])), config
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = DATASETS.build(config[1]['train_dataloader']['dataset'])
    CheckDatasetHook().check_split('train', dataset, config[0])
    assert (check.num_classes, check.ignore_index) == (3, 2)


def test_a_file_that_fails_in_the_run_is_named(tmp_path, capsys):
    write_segmentation(tmp_path)
    config = segmentation_config(tmp_path)
    config['train_dataloader']['dataset']['pipeline'][3] = dict(type='Resize', scale=(32, 24))
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = DATASETS.build(config['train_dataloader']['dataset'])
    hook = CheckDatasetHook()
    for _ in range(2):
        hook.check_split('train', dataset, Config(config))
    assert dataset[0]['img'].shape == (24, 32, 3)
    image = tmp_path / 'images/training/training_1.png'
    image.write_bytes(b'')
    with pytest.raises(RunError, match=f'^{image}: cannot be read: it has 0 bytes'):
        dataset[1]
    loader = DataLoader(dataset, num_workers=1, collate_fn=list)
    assert exit_code(lambda: list(loader)) == 2
    assert capsys.readouterr().err == f'error: {image}: cannot be read: it has 0 bytes.\n'


def test_an_error_that_the_files_do_not_explain_stays(tmp_path):
    def broken(results: dict) -> dict:
        raise KeyError('a bug')

    write_segmentation(tmp_path)
    config = segmentation_config(tmp_path)
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = DATASETS.build(config['train_dataloader']['dataset'])
    CheckDatasetHook(num_samples=0).check_split('train', dataset, Config(config))
    dataset.pipeline.transforms.append(broken)
    with pytest.raises(KeyError, match='a bug') as error:
        dataset[1]
    assert error.value.__notes__ == [f'(while loading {tmp_path}/images/training/training_1.png)']


def test_bad_arguments():
    with pytest.raises(ValueError, match='num_samples'):
        CheckDatasetHook(num_samples=-1)
    with pytest.raises(ValueError, match='seconds'):
        CheckDatasetHook(seconds='long')


def test_a_stock_run_of_a_config_stops(tiny_pipeline, tmp_path):
    data = write_images(tmp_path / 'data')
    change_masks(data, lambda m: m + 1)
    config = tiny_config(tiny_pipeline, data, tmp_path / 'work')
    with pytest.raises(RunError, match=r'training_0\.png: has label 3 '):
        Runner.from_cfg(config).train()
