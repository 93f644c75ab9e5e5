"""The table, the picture and the exit codes of tools/analysis_tools/check_dataset.py."""

import json
import re
import runpy
import sys

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from tests.utils.small_datasets import (
    change_masks,
    coco_config,
    depth_config,
    segmentation_config,
    write_coco,
    write_depth,
    write_segmentation,
)


@pytest.fixture
def check(repository, tmp_path, monkeypatch, capsys):
    """Run the tool on a config, in tmp_path; return its exit code and what it printed."""

    def run(config: dict, *arguments: str) -> tuple[int, str]:
        Config(config).dump(tmp_path / 'my_config.py')
        script = repository / 'tools/analysis_tools/check_dataset.py'
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', [str(script), 'my_config.py', *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(script), run_name='__main__')
        return end.value.code, re.sub(' +', ' ', capsys.readouterr().out)

    return run


def colours(path) -> set[tuple]:
    """The colours of a picture that are frequent."""
    pixels = np.asarray(Image.open(path).convert('RGB')).reshape(-1, 3)
    values, counts = np.unique(pixels, axis=0, return_counts=True)
    return {tuple(value) for value in values[counts > 50].tolist()}


def test_masks(check, tmp_path):
    write_segmentation(tmp_path / 'data')
    config = segmentation_config(tmp_path / 'data')
    palette = [[250, 0, 0], [0, 250, 0], [0, 0, 250]]
    for loader in ('train_dataloader', 'val_dataloader'):
        config[loader]['dataset']['metainfo']['palette'] = palette
    code, out = check(config, '--workers', 2)
    assert code == 0
    assert f'train: 2 images in {tmp_path}/data/images/training' in out
    assert ' size (height x width) 48 x 64 (2)' in out
    assert ' 1 cat 2 33.33%' in out
    assert '4 images with their ground truth: my_config_dataset.png' in out
    assert out.endswith('no problems\n')
    # The legend has the classes' colours.
    assert {(250, 0, 0), (0, 250, 0), (0, 0, 250)} <= colours(tmp_path / 'my_config_dataset.png')


def test_several_threads_find_what_one_finds(check, tmp_path):
    change_masks(write_segmentation(tmp_path / 'data', per_split=12), lambda m: m[:, ::2])
    one = check(segmentation_config(tmp_path / 'data'), '--workers', 1, '--draw', 0)
    four = check(segmentation_config(tmp_path / 'data'), '--workers', 4, '--draw', 0)
    assert one == four
    assert 'STOP (train): 12 x images whose ground truth has another size [size]' in one[1]
    assert '... and 7 more' in one[1]
    assert one[1].endswith('problems: size\n')


def test_problems_that_are_allowed(check, tmp_path):
    change_masks(write_segmentation(tmp_path / 'data'), lambda m: np.minimum(m, 1))
    config = segmentation_config(tmp_path / 'data')
    assert check(config, '--draw', 0)[0] == 1
    code, out = check(config, '--draw', 0, '--allow', 'absent')
    assert (code, 'class 2 (dog) occurs in no mask' in out) == (0, True)
    assert check(config, '--draw', 0, '--splits', 'val')[0] == 0  # a note there


def test_reduce_zero_label_and_label_map(check, tmp_path):
    """ADE20K's rule, and a subset of a dataset's classes in another order."""
    change_masks(write_segmentation(tmp_path / 'data'), lambda m: m + 1)
    config = segmentation_config(tmp_path / 'data', reduce_zero_label=True)
    code, out = check(config, '--draw', 0)
    assert (code, ' 2 dog 2 33.33%' in out) == (0, True)
    # Cityscapes' labels 1, 2 and 3 are sidewalk, building and wall.
    config = segmentation_config(tmp_path / 'data', classes=('wall', 'sidewalk'))
    for loader in ('train_dataloader', 'val_dataloader'):
        config[loader]['dataset'].update(type='CityscapesDataset', seg_map_suffix='.png')
    code, out = check(config, '--draw', 0)
    assert code == 0
    assert ' 0 wall 2 33.33%' in out
    assert ' 255 (ignored) 2 33.33%' in out


def test_depth_and_boxes(check, tmp_path):
    code, out = check(depth_config(write_depth(tmp_path / 'depth')))
    assert (code, 'depth 1 to 4 m, median 2.5 m' in out) == (0, True)
    assert len(colours(tmp_path / 'my_config_dataset.png')) > 50  # the colour bar
    code, out = check(coco_config(write_coco(tmp_path / 'coco')), '--out', 'boxes.jpg')
    assert (code, ' 1 dog 2 2' in out) == (0, True)
    assert Image.open(tmp_path / 'boxes.jpg').format == 'JPEG'


def test_wrappers(check, tmp_path):
    write_segmentation(tmp_path / 'a')
    write_segmentation(tmp_path / 'b')
    parts = [segmentation_config(tmp_path / name)['train_dataloader']['dataset'] for name in 'ab']
    config = segmentation_config(tmp_path / 'a')
    config['train_dataloader']['dataset'] = dict(
        type='RepeatDataset', times=3, dataset=dict(type='ConcatDataset', datasets=parts)
    )
    (tmp_path / 'b/images/training/training_0.png').write_bytes(b'')
    code, out = check(config, '--splits', 'train', '--draw', 0)
    assert (code, 'train: 4 images' in out) == (1, True)
    assert f'{tmp_path}/b/images/training/training_0.png: cannot be read: it has 0 bytes' in out


def test_captions(check, tmp_path):
    write_segmentation(tmp_path / 'data')
    long = {f'{split}_{i}': 'a dog ' * 60 for split in ('training', 'validation') for i in (0, 1)}
    (tmp_path / 'data/captions.json').write_text(json.dumps({**long, 'other': 'a cat'}))
    code, out = check(segmentation_config(tmp_path / 'data'))
    assert code == 1
    assert 'captions.json: 4 captions that the text encoder cuts off after 77 tokens' in out
    assert 'note (train): 1 x problems of caption files' in out
    assert '1 keys that no image of these splits has: other' in out


def test_real_street_photographs(check, shared, tmp_path):
    config = segmentation_config(shared / 'camvid', classes=tuple('abcdefghijk'))
    config['model']['decode_head']['ignore_index'] = 11
    config['val_evaluator']['ignore_index'] = 11
    for loader in ('train_dataloader', 'val_dataloader'):
        config[loader]['dataset']['pipeline'].pop(0)
    code, out = check(config)
    assert (code, 'train: 92 images' in out, '11 (ignored)' in out) == (0, True, True)
    assert Image.open(tmp_path / 'my_config_dataset.png').size == (1440, 1728)
