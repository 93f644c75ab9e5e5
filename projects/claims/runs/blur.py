"""Blurred test images."""

import json
import os
from pathlib import Path

import cv2

from mmtadp.utils.atomic_files import read_json, write_bytes, write_text
from projects.shapescenes.generator import encode_png
from projects.shapescenes.generator.writer import MANIFEST

_SPLIT = 'validation'
_SHARED = ('annotations', 'captions.json', f'instances_{_SPLIT}.json')


def blurred_name(domain: str, sigma: int) -> str:
    """Return the folder name of a domain's blurred images."""
    return f'{domain}_blur{sigma}'


def write_blurred(folder: Path, sigma: int) -> Path:
    """Write a copy of a domain's validation images, blurred with a Gaussian.

    Masks and boxes are links to those of the domain. Files that exist are kept.

    Args:
        folder (Path): Folder of the domain, as ``write_dataset`` writes it.
        sigma (int): Standard deviation in pixels.

    Returns:
        Path: The new folder, next to the domain's.
    """
    out = folder.with_name(blurred_name(folder.name, sigma))
    images = out / 'images' / _SPLIT
    images.mkdir(parents=True, exist_ok=True)
    for file in sorted((folder / 'images' / _SPLIT).glob('*.png')):
        if not (images / file.name).exists():
            blurred = cv2.GaussianBlur(cv2.imread(str(file)), (0, 0), sigma)
            write_bytes(images / file.name, encode_png(blurred[..., ::-1]))
    for name in _SHARED:
        if not (out / name).exists():
            (out / name).symlink_to(os.path.join(os.pardir, folder.name, name))
    manifest = {**read_json(folder / MANIFEST, 'Delete its folder.'), 'blur': sigma}
    write_text(out / MANIFEST, json.dumps(manifest, indent=1) + '\n')
    return out
