"""Segmentation data in the layouts of its datasets, an eighth of their size, with captions."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmcv import imwrite
from PIL import Image
from safetensors.torch import save_file

from .tiny_model import WIDTH

IGNORED = 255
# Height and width.
ADE20K, VOC2012, CITYSCAPES, NIGHT = (64, 86), (47, 62), (128, 256), (135, 240)


def write_ade20k(data: Path, per_split: int = 3) -> dict[str, set[int]]:
    """ADEChallengeData2016 and its captions, below a folder ``data``.

    Returns:
        The classes in each image, by its file's stem, after ``reduce_zero_label``.
    """
    root = data / 'ade' / 'ADEChallengeData2016'
    classes, captions = {}, {}
    for split, short in (('training', 'train'), ('validation', 'val')):
        for index in range(1, per_split + 1):
            name = f'ADE_{short}_{index:08d}'
            # 0 is "other", which belongs to no class.
            mask = _mask(name, ADE20K, [0, 1, 4, 13, 17 + index, 150])
            classes[name] = {int(label) - 1 for label in np.unique(mask) if label > 0}
            _write_image(root / 'images' / split / f'{name}.jpg', mask)
            imwrite(mask, str(root / 'annotations' / split / f'{name}.png'))
            captions[f'{name}.jpg'] = f'a photo of {name}'
    for minimum in (0, 20, 40):
        write_captions(data / 'captions' / f'ade20k_captions_min={minimum}_max=77.json', captions)
    return classes


def write_voc2012(data: Path, per_split: int = 4) -> dict[str, set[int]]:
    """VOC2012 with the trainaug split and its captions, below a folder ``data``.

    Returns:
        The classes in each image, by its file's stem.
    """
    root = data / 'VOCdevkit' / 'VOC2012'
    (root / 'ImageSets' / 'Segmentation').mkdir(parents=True)
    classes, captions = {}, {}
    for split, folder in (('trainaug', 'SegmentationClassAug'), ('val', 'SegmentationClass')):
        (root / folder).mkdir()
        names = [f'{2007 + (split == "val")}_{index:06d}' for index in range(per_split)]
        for index, name in enumerate(names):
            mask = _mask(name, VOC2012, [0, 11, 12 + index, IGNORED])
            classes[name] = set(np.unique(mask).tolist()) - {IGNORED}
            _write_image(root / 'JPEGImages' / f'{name}.jpg', mask)
            write_voc_mask(root / folder / f'{name}.png', mask)
            captions[name] = f'a dog and a bird in {name}'
        (root / 'ImageSets' / 'Segmentation' / f'{split}.txt').write_text(
            ''.join(f'{name}\n' for name in names)
        )
    files = {minimum: captions for minimum in (0, 40)}
    # In words that the tests' tagger knows.
    files[20] = dict.fromkeys(captions, 'a black cat sits on the dogs')
    for minimum, texts in files.items():
        write_captions(data / 'captions' / f'pascal_captions_min={minimum}_max=77.json', texts)
    return classes


def write_voc_mask(path: Path, mask: np.ndarray) -> None:
    """A mask with a palette, as VOC's masks have."""
    coded = Image.fromarray(mask)
    coded.putpalette(np.random.RandomState(0).bytes(768))
    coded.save(path)


def write_streets(data: Path) -> dict[str, list[str]]:
    """Cityscapes, Dark Zurich, Nighttime Driving and ACDC with captions, below ``data``.

    Returns:
        The captions of each, in the order of the images' paths; ACDC's by its conditions.
    """
    train = [f'aachen/aachen_{index:06d}_000019' for index in range(3)]
    folders = ('leftImg8bit/train', 'gtFine/train')
    suffixes = ('_leftImg8bit.png', '_gtFine_labelTrainIds.png')
    found = {'cityscapes': _write_street(data / 'cityscapes', folders, train, suffixes)}
    _save(data, 'cityscapes', found['cityscapes'])

    suffixes = ('_rgb_anon.png', '_gt_labelTrainIds.png')
    zurich = [f'night/GOPR0356/GOPR0356_frame_{index:06d}' for index in range(2)]
    folders = ('rgb_anon/val', 'gt/val')
    found['dark_zurich'] = _write_street(data / 'dark_zurich', folders, zurich, suffixes)
    _save(data, 'dark_zurich', found['dark_zurich'])

    driving = [f'night/0_frame_{index:04d}' for index in range(3)]
    folders = ('leftImg8bit/test', 'gtCoarse_daytime_trainvaltest/test')
    suffixes_driving = ('_leftImg8bit.png', '_gtCoarse_labelTrainIds.png')
    root = data / 'NighttimeDrivingTest'
    found['nighttime_driving'] = _write_street(root, folders, driving, suffixes_driving)
    _save(data, 'nighttimedriving', found['nighttime_driving'])

    acdc = {}
    for number, condition in enumerate(('fog', 'night', 'rain', 'snow')):
        images = [f'{condition}/val/GOPR047{number}/GOPR047{number}_frame_000154']
        written = _write_street(data / 'acdc', ('rgb_anon', 'gt'), images, suffixes)
        found[condition] = written
        acdc |= written
    _save(data, 'acdc', acdc)
    return {name: [captions[key] for key in sorted(captions)] for name, captions in found.items()}


def write_night_weights(data: Path, pipeline: Path) -> None:
    """A learned token of two vectors and a DreamBoothed U-Net, as the configs name them."""
    folder = data / 'tokens' / 'night'
    folder.mkdir(parents=True)
    vectors = torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(0))
    save_file({'<night>': vectors}, folder / 'learned_embeds.safetensors')
    shutil.copytree(pipeline / 'unet', data / 'dreambooth' / 'night' / 'unet')


def write_captions(path: Path, captions: dict[str, str]) -> None:
    """A caption file in the authors' schema."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({key: {'captions': [text]} for key, text in captions.items()}))


def _save(data: Path, name: str, captions: dict[str, str]) -> None:
    write_captions(data / 'captions' / f'{name}_captions_min=0_max=77.json', captions)


def _write_street(
    root: Path, folders: Sequence[str], images: Sequence[str], suffixes: Sequence[str]
) -> dict[str, str]:
    captions = {}
    for image in images:
        size = CITYSCAPES if root.name == 'cityscapes' else NIGHT
        mask = _mask(image, size, [0, 2, 10, 13, 18, IGNORED])
        _write_image(root / folders[0] / f'{image}{suffixes[0]}', mask)
        imwrite(mask, str(root / folders[1] / f'{image}{suffixes[1]}'))
        captions[image + suffixes[0]] = f'street {Path(image).name.replace("_", " ")}'
    return captions


def _mask(name: str, size: tuple[int, int], labels: Sequence[int]) -> np.ndarray:
    """A grid of 4 x 5 fields, each of one of the labels."""
    rng = np.random.RandomState(list(name.encode()))
    grid = rng.choice(labels, (4, 5)).astype(np.uint8)
    rows, columns = (np.arange(side) * count // side for side, count in zip(size, grid.shape))
    return grid[rows][:, columns]


def _write_image(path: Path, mask: np.ndarray) -> None:
    rng = np.random.RandomState(list(path.stem.encode()))
    image = mask[..., None] % 23 * 8 + rng.randint(0, 60, (*mask.shape, 3))
    imwrite(image.astype(np.uint8), str(path))
