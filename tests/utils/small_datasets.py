"""Small datasets of each task, and configs with nothing but their dataloaders."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CLASSES = ('wall', 'cat', 'dog')
SIZE = (48, 64)  # height and width
ORIENTATION = 0x0112


def write_segmentation(root: Path, suffix: str = '.png', per_split: int = 2) -> Path:
    """Write images of noise over masks of 0 to 2, and their captions."""
    rng = np.random.default_rng(0)
    captions = {}
    for split in ('training', 'validation'):
        for index in range(per_split):
            mask = np.kron(np.arange(12).reshape(3, 4) % 3, np.ones((16, 16))).astype(np.uint8)
            image = (mask[..., None] * 80 + rng.integers(0, 60, (*SIZE, 3))).astype(np.uint8)
            name = f'{split}_{index}'
            save(root / f'images/{split}/{name}{suffix}', image)
            save(root / f'annotations/{split}/{name}.png', mask)
            captions[name] = f'a cat and a dog, number {index}'
    (root / 'captions.json').write_text(json.dumps(captions))
    return root


def save(path: Path, pixels: np.ndarray, orientation: int | None = None) -> None:
    """Write an image file, with an EXIF orientation or without EXIF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
    Image.fromarray(pixels).save(path, exif=exif)


def change_masks(root: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Replace all masks by what ``change`` makes of them."""
    for file in sorted((root / 'annotations').rglob('*.png')):
        save(file, change(np.asarray(Image.open(file))))


def turn_images(root: Path, orientation: int) -> None:
    """Set the EXIF orientation of all images; the stored pixels stay."""
    for file in sorted((root / 'images').rglob('*.*')):
        save(file, np.asarray(Image.open(file)), orientation)


def segmentation_config(
    root: Path, suffix: str = '.png', classes=CLASSES, loader: dict | None = None, **dataset: Any
) -> dict:
    """Return a config of mmseg with the dataloaders of training and validation."""
    loaders = [
        dict(type='mmtadp.CaptionLoadTransform', ann_file=str(root / 'captions.json')),
        dict(type='LoadImageFromFile', **(loader or {})),
        dict(type='LoadAnnotations'),
    ]

    def part(split: str) -> dict:
        prefix = dict(img_path=f'images/{split}', seg_map_path=f'annotations/{split}')
        return dict(
            type='BaseSegDataset',
            data_root=str(root),
            img_suffix=suffix,
            metainfo=dict(classes=classes),
            data_prefix=prefix,
            pipeline=[*loaders, dict(type='PackSegInputs')],
            **dataset,
        )

    return dict(
        default_scope='mmseg',
        model=dict(decode_head=dict(num_classes=len(classes))),
        train_dataloader=dict(dataset=part('training')),
        val_dataloader=dict(dataset=part('validation')),
        val_evaluator=dict(type='IoUMetric'),
    )


def write_depth(root: Path, count: int = 2) -> Path:
    """Write images, and depth maps of 16-bit millimetres from 1 to 4 m."""
    depth = np.linspace(1000, 4000, SIZE[1]).astype(np.uint16)[None].repeat(SIZE[0], axis=0)
    for index in range(count):
        image = np.repeat((depth // 20).astype(np.uint8)[..., None], 3, axis=2)
        save(root / f'images/kitchen_{index}.jpg', image)
        save(root / f'annotations/kitchen_{index}.png', depth)
    return root


def depth_config(root: Path) -> dict:
    """Return a config of mmseg with one dataloader, for :func:`write_depth`'s files."""
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadDepthAnnotation', depth_rescale_factor=1e-3),
    ]
    dataset = dict(type='NYUDataset', data_root=str(root), pipeline=pipeline)
    return dict(
        default_scope='mmseg',
        train_dataloader=dict(dataset=dataset),
        val_evaluator=dict(type='mmtadp.ValidDepthMetric', max_depth_eval=10.0),
    )


def write_coco(root: Path, change: Callable[[dict], None] = lambda content: None) -> Path:
    """Write two images and their boxes, after ``change`` has changed the annotations."""
    height, width = SIZE
    content = dict(
        images=[
            dict(id=i, file_name=f'{i}.jpg', height=height, width=width) for i in range(2)
        ],
        annotations=[
            dict(id=i, image_id=i // 2, category_id=1 + i % 2, bbox=[4, 4, 20, 10], area=200,
                 iscrowd=0)
            for i in range(4)
        ],
        categories=[dict(id=1, name='cat'), dict(id=2, name='dog')],
    )  # fmt: skip
    for index in range(2):
        save(root / f'images/{index}.jpg', np.full((*SIZE, 3), 90, np.uint8))
    change(content)
    (root / 'instances.json').write_text(json.dumps(content))
    return root


def coco_config(root: Path, classes=('cat', 'dog'), **dataset: Any) -> dict:
    """Return a config of mmdet with one dataloader, for :func:`write_coco`'s files."""
    part = dict(
        type='CocoDataset',
        data_root=str(root),
        ann_file='instances.json',
        data_prefix=dict(img='images'),
        metainfo=dict(classes=classes),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True)],
        **dataset,
    )
    return dict(default_scope='mmdet', train_dataloader=dict(dataset=part))


def voc_config(root: Path, classes=('cat', 'dog'), **dataset: Any) -> dict:
    """Return a config of mmdet with one dataloader, for a folder in VOC's layout."""
    part = dict(
        type='VOCDataset',
        data_root=str(root),
        ann_file='ImageSets/Main/train.txt',
        data_prefix=dict(sub_data_root=''),
        metainfo=dict(classes=classes),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True)],
        **dataset,
    )
    return dict(default_scope='mmdet', train_dataloader=dict(dataset=part))
