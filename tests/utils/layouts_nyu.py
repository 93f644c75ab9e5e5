"""Tiny data in the layout that mmseg reads NYUv2 in."""

import json
from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH = 60, 80
# By room type, as mmseg's converter names files: 'kitchen_0028b/rgb_00045.jpg' in the raw data, or
# in the test set 'bathroom/rgb_00045.jpg'.
TRAIN = dict(
    kitchen='kitchen_0028b_00045',
    living_room='living_room_0019_00111',
    study_room='study_room_0004_00007',
    excercise_room='excercise_room_0001_00012',
)
TEST = dict(bathroom='bathroom_00045', bookstore='bookstore_00080')


def nyu_caption(name: str) -> str:
    """What :func:`write_nyu` says of an image."""
    return f'a photo of {name.replace("_", " ")}'


def write_nyu(root: Path, height: int = HEIGHT, width: int = WIDTH) -> Path:
    """Rooms that get deeper from left to right, and their captions.

    Args:
        root: The folder that configs call ``data``.
        height, width: Of the images, an eighth of NYUv2's by default.
    """
    rng = np.random.RandomState(0)
    captions = {}
    for split, names in (('train', TRAIN), ('test', TEST)):
        for folder in ('images', 'annotations'):
            (root / 'nyu' / folder / split).mkdir(parents=True, exist_ok=True)
        for name in names.values():
            depth = np.linspace(rng.randint(500, 1500), 9000, width)[None].repeat(height, axis=0)
            image = depth[..., None] / 40 + rng.randint(0, 20, (height, width, 3))
            depth[0, 0] = 0  # not measured
            files = [f'images/{split}/{name}.jpg', f'annotations/{split}/{name}.png']
            for file, pixels in zip(files, (image.astype(np.uint8), depth.astype(np.uint16))):
                assert cv2.imwrite(str(root / 'nyu' / file), pixels)
            captions[f'{name}.jpg'] = dict(captions=[nyu_caption(name)])
    (root / 'captions').mkdir(exist_ok=True)
    for minimum in (0, 40):
        path = root / f'captions/nyuv2_captions_min={minimum}_max=77.json'
        path.write_text(json.dumps(captions))
    return root
