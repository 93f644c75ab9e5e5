"""Tiny data in the layouts of Pascal VOC, Watercolor2k and Comic2k."""

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file

from .tiny_model import WIDTH

HEIGHT, IMAGE_WIDTH = 48, 80
# Class, box (1-based corners) and whether it is difficult.
Box = tuple[str, tuple[int, int, int, int], bool]


def write_detection(data: Path) -> Path:
    """VOC 2007 and 2012 trainval, Watercolor2k and Comic2k test, and their captions.

    Args:
        data: The folder that configs call ``data``.
    """
    captions = {}
    for year, stems in (('2007', ('000005', '000007')), ('2012', ('2008_000002', '2008_000003'))):
        images = {
            stems[0]: [('dog', (5, 5, 40, 44), False), ('boat', (30, 10, 78, 40), False)],
            stems[1]: [('tvmonitor', (9, 9, 70, 40), False), ('person', (2, 2, 20, 40), True)],
        }
        captions |= write_voc_layout(data / f'VOCdevkit/VOC{year}', images, 'trainval')
    test = {'000001': [('dog', (5, 5, 40, 44), False)]}
    captions |= write_voc_layout(data / 'VOCdevkit/VOC2007', test, 'test')
    _write(data, 'pascal_object_captions_min40_max77', captions)
    for domain in ('watercolor', 'comic'):
        images = {
            '43248445': [('cat', (5, 5, 60, 44), False), ('person', (40, 2, 80, 48), False)],
            '91846963': [('dog', (10, 10, 70, 40), False), ('bird', (1, 1, 12, 12), True)],
        }
        captions = write_voc_layout(data / domain, images, 'test')
        _write(data, f'{domain}_captions', captions)
    return data


def write_voc_layout(root: Path, images: dict[str, list[Box]], split: str) -> dict[str, dict]:
    """Images of coloured boxes with their annotations, and the list of one split.

    Returns:
        A caption of each, keyed by stem.
    """
    rng = np.random.RandomState(0)
    for folder in ('Annotations', 'ImageSets/Main', 'JPEGImages'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for stem, boxes in images.items():
        pixels = rng.randint(0, 60, (HEIGHT, IMAGE_WIDTH, 3)).astype(np.uint8)
        for name, (left, top, right, bottom), _ in boxes:
            pixels[top - 1 : bottom, left - 1 : right] = 40 + 5 * len(name), 200, 90
        assert cv2.imwrite(str(root / f'JPEGImages/{stem}.jpg'), pixels)
        (root / f'Annotations/{stem}.xml').write_text(_annotation(stem, boxes))
    (root / f'ImageSets/Main/{split}.txt').write_text('\n'.join(images) + '\n')
    return {
        stem: dict(captions=[' and a '.join(name for name, *_ in boxes) + f' in {stem}'])
        for stem, boxes in images.items()
    }


def write_token(data: Path, domain: str) -> Path:
    """A learned token, ``<domain>``, as textual inversion saves it."""
    path = data / f'tokens/{domain}/learned_embeds.safetensors'
    path.parent.mkdir(parents=True)
    save_file({f'<{domain}>': torch.linspace(-1, 1, WIDTH)}, path)
    return path


def _annotation(stem: str, boxes: list[Box]) -> str:
    objects = ''.join(
        f'<object><name>{name}</name><difficult>{int(difficult)}</difficult><bndbox>'
        f'<xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>'
        '</bndbox></object>'
        for name, (left, top, right, bottom), difficult in boxes
    )
    return (
        f'<annotation><filename>{stem}.jpg</filename><size><width>{IMAGE_WIDTH}</width>'
        f'<height>{HEIGHT}</height><depth>3</depth></size>{objects}</annotation>'
    )


def _write(data: Path, name: str, captions: dict[str, dict]) -> None:
    (data / 'captions').mkdir(exist_ok=True)
    (data / f'captions/{name}.json').write_text(json.dumps(captions))
