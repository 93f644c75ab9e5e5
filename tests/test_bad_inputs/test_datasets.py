"""Images, ground truth and captions that cannot be right, or may be wrong."""

import gc
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from tests.utils.small_datasets import (
    SIZE,
    change_masks,
    coco_config,
    depth_config,
    save,
    segmentation_config,
    turn_images,
    voc_config,
    write_coco,
    write_depth,
    write_segmentation,
)
from tests.utils.voc_layout import write_voc

TOOL = 'analysis_tools/check_dataset.py'


class Case(NamedTuple):
    """A config whose data are bad: how they are made, the exit code, what the message names."""

    make: Callable[[Path], dict]
    names: tuple[str, ...]
    code: int = 1


def masks(change: Callable[[np.ndarray], np.ndarray], **config) -> Callable[[Path], dict]:
    """Return a function that writes segmentation data with changed masks."""

    def make(root: Path) -> dict:
        change_masks(write_segmentation(root), change)
        return segmentation_config(root, **config)

    return make


def turned(orientation: int, square: bool = False, **config) -> Callable[[Path], dict]:
    """Return a function that writes photographs with an EXIF orientation."""

    def make(root: Path) -> dict:
        write_segmentation(root, suffix='.jpg')
        if square:
            change_masks(root, lambda mask: mask[:48, :48])
            for file in (root / 'images').rglob('*.jpg'):
                save(
                    file, np.zeros((48, 48, 3), np.uint8) + np.arange(48, dtype=np.uint8)[:, None]
                )
        turn_images(root, orientation)
        return segmentation_config(root, suffix='.jpg', **config)

    return make


def segmentation(change: Callable[[Path], object], **config) -> Callable[[Path], dict]:
    """Return a function that writes segmentation data and changes them."""

    def make(root: Path) -> dict:
        change(write_segmentation(root))
        return segmentation_config(root, **config)

    return make


def depth(pixels: np.ndarray, name: str = 'kitchen_0') -> Callable[[Path], dict]:
    """Return a function that writes depth data with one map of these values."""

    def make(root: Path) -> dict:
        save(write_depth(root) / f'annotations/{name}.png', pixels)
        return depth_config(root)

    return make


def coco(change: Callable[[dict], object], **config) -> Callable[[Path], dict]:
    """Return a function that writes COCO data with changed annotations."""
    return lambda root: coco_config(write_coco(root, change), **config)


def voc(*boxes: tuple, **config) -> Callable[[Path], dict]:
    """Return a function that writes VOC data with these boxes in image a."""

    def make(root: Path) -> dict:
        good = ('dog', (5, 5, 40, 44), 0)
        write_voc(root, {'a': list(boxes), 'b': [good, ('cat', (5, 5, 40, 44), 0)]}, 'train')
        return voc_config(root, **config)

    return make


def rename_images(root: Path) -> None:
    for file in (root / 'images/training').iterdir():
        file.rename(file.with_suffix('.JPG'))


def write(name: str, content: bytes | str) -> Callable[[Path], object]:
    """Return a function that replaces a file."""
    content = content.encode() if isinstance(content, str) else content
    return lambda root: (root / name).write_bytes(content)


def bomb() -> bytes:
    """Return a PNG whose header claims 60,000 x 60,000 pixels."""
    import struct
    import zlib

    head = struct.pack('>IIBBBBB', 60000, 60000, 8, 0, 0, 0, 0)
    chunk = b'IHDR' + head
    return (
        b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + chunk + struct.pack('>I', zlib.crc32(chunk))
    )


def edit(key: str, index: int, **values) -> Callable[[dict], None]:
    """Return a function that changes an entry of COCO annotations."""
    return lambda content: content[key][index].update(values)


CASES = {
    # Masks.
    'three channels': Case(
        masks(lambda m: np.stack([m] * 3, -1)), ('training_0.png', '3 channels', 'STOP')
    ),
    'alpha channel': Case(
        masks(lambda m: np.stack([m, m], -1)), ('training_0.png', '2 channels')
    ),
    'half the size': Case(masks(lambda m: m[::2, ::2]), ('24 x 32', '48 x 64', 'training_0.png')),
    'beyond the classes': Case(masks(lambda m: m * 3), ('label 3, 6', '0 to 2', 'training_0.png')),
    'from 1': Case(masks(lambda m: m + 1), ('label 3', 'training_0.png')),
    '0 and 255': Case(
        masks(lambda m: ((m > 0) * 255).astype(np.uint8), classes=('ground', 'thing')),
        ('class 1 (thing) occurs in no mask', '255 (ignored) covers 67%', 'training_0.png'),
    ),
    '0 and 255, another ignored': Case(
        masks(lambda m: ((m > 0) * 255).astype(np.uint8), ignore_index=9),
        ('0 and 255 only', 'training_0.png'),
    ),
    '16 bits': Case(
        masks(lambda m: m.astype(np.uint16) + 256), ('256 to 258', 'modulo 256', 'training_0.png')
    ),
    'mostly ignored': Case(
        masks(lambda m: np.where(np.arange(m.size).reshape(m.shape) % 9 > 2, 255, m)
              .astype(np.uint8)),
        ('is ignored and covers 67%', '[ignored]'),
    ),
    'a class that never occurs': Case(
        masks(lambda m: np.minimum(m, 1)), ('class 2 (dog) occurs in no mask',)
    ),
    'missing mask': Case(
        segmentation(lambda r: (r / 'annotations/training/training_1.png').unlink()),
        ('annotations/training/training_1.png', 'does not exist'),
    ),
    'a mask of 60,000 x 60,000': Case(
        segmentation(write('annotations/training/training_1.png', bomb())),
        ('training_1.png', 'cannot be read'),
    ),
    'reduce_zero_label in the dataset alone': Case(
        lambda root: _two_rules(segmentation_config(write_segmentation(root))),
        ('reduce_zero_label=False', 'True'),
    ),
    'fewer classes in the head': Case(
        lambda root: _head(segmentation_config(write_segmentation(root)), 2),
        ('decode_head.num_classes: is 2', 'label 2 (dog) occurs', 'Set it to 3'),
    ),
    'more classes in the head': Case(
        lambda root: _head(segmentation_config(write_segmentation(root)), 150),
        ('decode_head.num_classes: is 150', '3 classes', 'warning'),
    ),
    'padding that is not ignored': Case(
        lambda root: _padded(segmentation_config(write_segmentation(root))),
        ('seg_pad_val: is 255', 'ignores 9'),
    ),
    'JPEG masks': Case(
        lambda root: _jpeg_masks(segmentation_config(write_segmentation(root))),
        ('training_0.jpg', 'is a JPEG file', 'PNG'),
    ),
    # Images.
    'orientation 6': Case(
        turned(6),
        ('training_0.jpg', 'EXIF orientation 6', 'color_ignore_orientation', '64 x 48', 'STOP'),
    ),
    'orientation 3': Case(turned(3), ('training_0.jpg', '180 degrees', 'warning')),
    'mirrored': Case(turned(2), ('training_0.jpg', 'mirrored', 'warning')),
    'orientation 8, square': Case(turned(8, True), ('training_0.jpg', 'orientation 8', 'warning')),
    'orientation 6, ignored by the loader': Case(
        turned(6, loader=dict(color_type='color_ignore_orientation')), ('no problems',), 0
    ),
    'zero bytes': Case(
        segmentation(write('images/training/training_0.png', b'')),
        ('images/training/training_0.png', '0 bytes'),
    ),
    'a web page': Case(
        segmentation(write('images/validation/validation_1.png', '<html>not found</html>')),
        ('images/validation/validation_1.png', 'is a web page', 'Download the file again'),
    ),
    'a Git LFS pointer': Case(
        segmentation(
            write('annotations/training/training_0.png', 'version https://git-lfs.github.com\n')
        ),
        ('annotations/training/training_0.png', 'Git LFS pointer', 'git lfs pull'),
    ),
    'a named pipe': Case(
        segmentation(lambda r: _pipe(r / 'annotations/training/training_1.png')),
        ('annotations/training/training_1.png', 'a named pipe, not a file'),
    ),
    'half a mask': Case(
        segmentation(lambda r: _halve(r / 'annotations/training/training_0.png')),
        ('annotations/training/training_0.png', 'cannot be read'),
    ),
    'another suffix': Case(
        segmentation(rename_images), ('images/training', '*.png', "2 x .JPG", "img_suffix='.JPG'")
    ),
    'another folder': Case(
        lambda root: segmentation_config(write_segmentation(root / 'data').parent),
        ('there is no folder', 'images/training', 'has data'),
    ),
    # Captions.
    'no caption file': Case(
        segmentation(lambda r: (r / 'captions.json').unlink()), ('captions.json', 'does not exist')
    ),
    'captions of other images': Case(
        segmentation(write('captions.json', json.dumps({'other': 'a cat'}))),
        ('captions.json', 'no caption for 4 of 4 images', 'training_0.png'),
    ),
    'a caption file that is not JSON': Case(
        segmentation(write('captions.json', 'a cat')), ('captions.json', 'not JSON')
    ),
    # Depth.
    'depth without a valid pixel': Case(
        depth(np.zeros(SIZE, np.uint16)), ('kitchen_0.png', 'no valid pixel')
    ),
    'depth of another size': Case(
        depth(np.full((10, 10), 1000, np.uint16)), ('kitchen_0.png', '10 x 10', '48 x 64')
    ),
    'depth of 8 bits': Case(
        depth(np.full(SIZE, 200, np.uint8)), ('kitchen_0.png', '8 bits', '0.255')
    ),
    'depth in colours': Case(
        depth(np.zeros((*SIZE, 3), np.uint8)), ('kitchen_0.png', '3 channels')
    ),
    'depth in tenths of millimetres': Case(
        lambda root: _scaled(write_depth(root)), ('half of the depths', 'max_depth_eval is 10')
    ),
    # Boxes.
    'an empty box': Case(voc(('cat', (20, 20, 20, 30), 0)), ('a.xml', "'cat'", 'is empty')),
    'a box outside the image': Case(
        voc(('cat', (120, 10, 140, 40), 0)), ('a.xml', 'outside the image', '75 x 100')
    ),
    'a box beyond the image': Case(
        voc(('cat', (50, 10, 140, 40), 0)), ('a.xml', 'beyond the image', '75 x 100')
    ),
    'orientation 6 and boxes of the stored pixels': Case(
        lambda root: _turned_coco(root, 6),
        ('0.jpg', '64 x 48', '48 x 64', 'EXIF orientation 6', 'STOP'),
    ),
    'orientation 3 and boxes': Case(
        lambda root: _turned_coco(root, 3), ('0.jpg', 'EXIF orientation 3', 'warning')
    ),
    'an unknown class': Case(
        voc(('zebra', (5, 5, 40, 44), 0)), ('train.txt', "'zebra' (1)", 'leaves out')
    ),
    'a corner that is text': Case(voc(('cat', ('x', 5, 40, 44), 0)), ('a.xml', 'xmin', "'x'")),
    'categories in another order': Case(
        coco(lambda c: None, classes=('dog', 'cat')),
        ('instances.json', 'order cat, dog', 'metainfo.classes is dog, cat'),
    ),
    'a category that is not there': Case(
        coco(lambda c: None, classes=('cat', 'dogs')), ('instances.json', "no category 'dogs'")
    ),
    'an object without a box': Case(
        coco(edit('annotations', 1, bbox=None)), ('instances.json', 'id 1', 'bbox=None')
    ),
    'an object of an image that is not listed': Case(
        coco(edit('annotations', 1, image_id=77)), ('instances.json', 'id 1', 'image 77')
    ),
    'an object outside its image': Case(
        coco(edit('annotations', 1, bbox=[70, 4, 20, 10])), ('instances.json', '[70, 4, 20, 10]')
    ),
    'an annotated size that is not the image\'s': Case(
        coco(edit('images', 0, height=480, width=640)), ('0.jpg', '480 x 640', '48 x 64')
    ),
    'no image in the file': Case(
        coco(lambda c: c['images'].clear() or c['annotations'].clear()),
        ('instances.json', 'lists no images'),
    ),
    'all images filtered': Case(
        coco(lambda c: c['annotations'].clear(), filter_cfg=dict(filter_empty_gt=True)),
        ('2 of 2 classes have no box', 'class 0 (cat)'),
    ),
    # Arguments.
    'no dataset': Case(lambda root: dict(default_scope='mmseg'), ('train_dataloader',), 2),
}  # fmt: skip


def _head(config: dict, num_classes: int) -> dict:
    config['model']['decode_head']['num_classes'] = num_classes
    return config


def _padded(config: dict) -> dict:
    config['model']['decode_head']['ignore_index'] = 9
    config['model']['data_preprocessor'] = dict(type='SegDataPreProcessor')
    return config


def _jpeg_masks(config: dict) -> dict:
    for loader in (config['train_dataloader'], config['val_dataloader']):
        dataset = loader['dataset']
        folder = Path(dataset['data_root'], dataset['data_prefix']['seg_map_path'])
        for file in list(folder.iterdir()):
            save(file.with_suffix('.jpg'), np.asarray(Image.open(file)))
        dataset['seg_map_suffix'] = '.jpg'
    return config


def _turned_coco(root: Path, orientation: int) -> dict:
    turn_images(write_coco(root), orientation)
    return coco_config(root)


def _two_rules(config: dict) -> dict:
    config['train_dataloader']['dataset']['pipeline'][2]['reduce_zero_label'] = False
    config['train_dataloader']['dataset']['reduce_zero_label'] = True
    return config


def _pipe(path: Path) -> None:
    if not hasattr(os, 'mkfifo'):
        pytest.skip('no named pipes')
    path.unlink()
    os.mkfifo(path)


def _halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _scaled(root: Path) -> dict:
    for file in (root / 'annotations').iterdir():
        save(file, np.full(SIZE, 20000, np.uint16))
    return depth_config(root)


@pytest.fixture(autouse=True)
def _no_collection(monkeypatch):
    """Let datasets be built without the garbage collection of mmengine, most of the time."""
    monkeypatch.setattr(gc, 'collect', lambda *args: 0)


@pytest.mark.parametrize('case', CASES.values(), ids=CASES)
def test_bad_datasets(case, tool, tmp_path):
    path = tmp_path / 'config.py'
    Config(case.make(tmp_path / 'data')).dump(path)
    tool(TOOL, path, '--draw', 0, '--workers', 1).check(case.code, case.names)


ARGUMENTS = {
    'no config': (('there_is_none.py',), ('there_is_none.py',)),
    'no workers': (('config.py', '--workers', '0'), ('--workers', "'0'")),
    'a split of another name': (('config.py', '--splits', 'training'), ('--splits', 'train')),
    'a text as the picture': (('config.py', '--out', 'a.txt'), ('--out', '.png', "'a.txt'")),
    'a problem of another name': (('config.py', '--allow', 'sizes'), ('--allow', 'size')),
}


@pytest.mark.parametrize(('arguments', 'names'), ARGUMENTS.values(), ids=ARGUMENTS)
def test_bad_arguments(arguments, names, tool):
    tool(TOOL, *arguments).check(2, names)


def test_good_datasets_have_no_problems(tool, tmp_path):
    configs = [
        segmentation_config(write_segmentation(tmp_path / 'masks')),
        depth_config(write_depth(tmp_path / 'depth')),
        coco_config(write_coco(tmp_path / 'coco')),
        voc(('cat', (1, 1, 100, 75), 0), ('dog', (5, 5, 9, 9), 1))(tmp_path / 'voc'),
    ]
    for index, config in enumerate(configs):
        path = tmp_path / f'{index}.py'
        Config(config).dump(path)
        outcome = tool(TOOL, path, '--draw', 0)
        outcome.check(0, ['no problems'])
        assert not re.search(r'^(STOP|warning)', outcome.message, re.MULTILINE)
