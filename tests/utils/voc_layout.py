"""Detection data in Pascal VOC's layout."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from mmcv import imwrite

VOC_CLASSES = (
    'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow',
    'diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train',
    'tvmonitor',
)  # fmt: skip
SIZE = (75, 100)


def write_voc(root: Path, boxes: Mapping[str, Sequence[tuple]], split: str) -> Path:
    """Write black images, their boxes and a list of them.

    Args:
        root: Folder to write to.
        boxes: Image id to its boxes, each class, (xmin, ymin, xmax, ymax) and whether it is
            difficult; pixels count from 1, and the last ones belong to the box.
        split: Name of the list.
    """
    height, width = SIZE
    for folder in ('Annotations', 'ImageSets/Main'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, objects in boxes.items():
        imwrite(np.zeros((*SIZE, 3), dtype=np.uint8), str(root / f'JPEGImages/{name}.jpg'))
        xml = [f'<size><width>{width}</width><height>{height}</height><depth>3</depth></size>']
        for label, corners, difficult in objects:
            sides = ''.join(
                f'<{side}>{value}</{side}>'
                for side, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), corners)
            )
            xml.append(
                f'<object><name>{label}</name><difficult>{difficult}</difficult>'
                f'<bndbox>{sides}</bndbox></object>'
            )
        text = f'<annotation>{"".join(xml)}</annotation>'
        (root / f'Annotations/{name}.xml').write_text(text)
    (root / f'ImageSets/Main/{split}.txt').write_text('\n'.join(boxes) + '\n')
    return root
