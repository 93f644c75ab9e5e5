"""Compare boxes with their image, and annotation files with the classes of a config."""

import json
import os
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.fileio import list_from_file

from .ground_truth import describe_size
from .loading import TURNS, LoadedImage
from .report import STOP, WARN, Finding

# VOC's boxes count from 1, and hand-drawn ones are rounded.
_TOLERANCE = 1.0  # pixels


def check_boxes(info: dict, image: LoadedImage, classes: Sequence[str]) -> Iterator[Finding]:
    """Yield what is wrong with the boxes of an image that mmdet trains or tests on.

    Args:
        info (dict): The dataset's entry of the image: ``img_path``, ``instances`` and, as a rule,
            ``height``, ``width`` and ``xml_path``.
        image (LoadedImage): The image.
        classes (Sequence[str]): Names of the classes.
    """
    path = info.get('xml_path') or info['img_path']
    annotated = info.get('height'), info.get('width')
    if None not in annotated and annotated != image.size:
        yield _other_size(info['img_path'], annotated, image)
    elif image.turned and image.stored == image.size:
        yield Finding(
            WARN,
            'orientation',
            info['img_path'],
            f'has the EXIF orientation {image.orientation}, so it is '
            f'{TURNS[image.orientation]} when it is loaded; its boxes are not. Look whether they '
            "agree; if not, set color_type='color_ignore_orientation' in LoadImageFromFile.",
        )
    height, width = image.size
    for instance in info.get('instances', ()):
        x1, y1, x2, y2 = map(float, instance['bbox'])
        name = _class_name(instance['bbox_label'], classes)
        box = f'the box of {name!r} at ({x1:g}, {y1:g}) to ({x2:g}, {y2:g})'
        inside = f'the image has {describe_size(image.size)}'
        if not (x2 > x1 and y2 > y1):
            text = f'{box} is empty; expected x1 < x2 and y1 < y2.'
            yield Finding(STOP, 'boxes', path, text)
        elif x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
            yield Finding(STOP, 'boxes', path, f'{box} is outside the image; {inside}.')
        elif min(x1, y1) < -_TOLERANCE or x2 > width + _TOLERANCE or y2 > height + _TOLERANCE:
            yield Finding(WARN, 'overhang', path, f'{box} reaches beyond the image; {inside}.')


def _other_size(path: str, annotated: tuple[int, int], image: LoadedImage) -> Finding:
    text = f'has {describe_size(image.size)}, and {describe_size(annotated)} in its annotation'
    if image.turned and annotated == image.stored:
        text += (
            f': it is {TURNS[image.orientation]} when it is loaded (EXIF orientation '
            f"{image.orientation}), its boxes are not. Set color_type='color_ignore_orientation' "
            'in LoadImageFromFile, or turn the pixels or the boxes.'
        )
        return Finding(STOP, 'size', path, text)
    return Finding(WARN, 'entries', path, f'{text}. Expected the same; do the boxes fit?')


def _class_name(label: int, classes: Sequence[str]) -> str:
    return classes[label] if 0 <= label < len(classes) else str(label)


def check_class_order(dataset: Any) -> Iterator[Finding]:
    """Yield whether a COCO dataset's labels do not name the classes of the config.

    mmdet numbers the categories in the order of the annotation file and leaves out those that it
    lacks, whatever the order of ``metainfo.classes``.

    Args:
        dataset: A built dataset of mmdet, with or without ``cat_ids``.
    """
    classes = tuple(dataset.metainfo.get('classes') or ())
    if getattr(dataset, 'cat_ids', None) is None or not os.path.isfile(dataset.ann_file):
        return
    try:
        with open(dataset.ann_file, encoding='utf-8') as file:
            names = {item['id']: item['name'] for item in json.load(file)['categories']}
    except (OSError, ValueError, TypeError, KeyError):
        return  # read_annotations reports it
    found = tuple(names.get(category) for category in dataset.cat_ids)
    if found != classes:
        missing = [name for name in classes if name not in found]
        problem = (
            f'has no category {", ".join(map(repr, missing))}'
            if missing
            else f'has the categories in the order {", ".join(map(str, found))}'
        )
        yield Finding(
            STOP,
            'classes',
            dataset.ann_file,
            f'{problem}, but metainfo.classes is {", ".join(classes)}. mmdet numbers the '
            'categories in the order of the file, without those that it lacks, so labels and '
            'names would not agree. Use the names and the order of the file.',
        )


def check_annotations(dataset: Any) -> Iterator[Finding]:
    """Yield what is wrong with the annotation files themselves, which mmdet does not say.

    mmdet leaves out objects of classes that the config does not have, and COCO's objects that are
    empty or outside the image.

    Args:
        dataset: A dataset of mmdet, whose files need not have been read (``lazy_init``).
    """
    classes = tuple(dataset.metainfo.get('classes') or ())
    if hasattr(dataset, 'ann_subdir'):
        yield from _check_voc(dataset, classes)
    elif hasattr(dataset, 'COCOAPI'):
        yield from _check_coco(dataset.ann_file, classes)


def _check_voc(dataset: Any, classes: tuple[str, ...]) -> Iterator[Finding]:
    unknown: Counter = Counter()
    try:
        names = list_from_file(dataset.ann_file)
    except (OSError, UnicodeDecodeError) as error:
        yield _unreadable(dataset.ann_file, error)
        return
    for name in names:
        path = os.path.join(dataset.sub_data_root, dataset.ann_subdir, f'{name}.xml')
        try:
            root = ET.parse(path).getroot()
            for item in root.findall('object'):
                unknown[item.findtext('name')] += item.findtext('name') not in classes
                for corner in ('xmin', 'ymin', 'xmax', 'ymax'):
                    _number(item.findtext(f'bndbox/{corner}'), f'<{corner}> of an <object>')
            for side in ('width', 'height'):
                if root.find('size') is not None:
                    _number(root.findtext(f'size/{side}'), f'<{side}> of <size>')
        except (OSError, ValueError, LookupError, ET.ParseError) as error:
            yield _unreadable(path, error)
    yield from _unknown_classes(dataset.ann_file, +unknown, classes)


def _number(text: str | None, where: str) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        raise ValueError(f'{where} is {text!r}; expected a number') from None


def _check_coco(path: str, classes: tuple[str, ...]) -> Iterator[Finding]:
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
        names = {item['id']: item['name'] for item in content['categories']}
        images = {item['id']: item for item in content['images']}
        objects = content['annotations']
        wrong = _wrong_entries(images, objects)
    except (OSError, ValueError, RecursionError) as error:
        yield _unreadable(path, error)
        return
    except (TypeError, KeyError) as error:
        text = f'is not a COCO annotation file: {type(error).__name__} {error}. Expected an object'
        yield Finding(
            STOP,
            'unreadable',
            path,
            f"{text} with the lists 'images', 'annotations', 'categories'.",
        )
        return
    if wrong:
        yield Finding(STOP, 'unreadable', path, wrong[0])
        return
    unknown = Counter(str(names.get(item['category_id'], item['category_id'])) for item in objects)
    known = set(classes)
    yield from _unknown_classes(
        path, Counter({k: n for k, n in unknown.items() if k not in known}), classes
    )
    dropped = [item for item in objects if _is_dropped(item, images[item['image_id']])]
    if dropped:
        box = ', '.join(f'{number:g}' for number in dropped[0]['bbox'])
        file_name = images[dropped[0]['image_id']]['file_name']
        text = (
            f'has {len(dropped):,} objects that are empty or outside their image, which mmdet '
            f'leaves out, such as the box [{box}] (x, y, width, height) of {file_name}.'
        )
        yield Finding(WARN, 'boxes', path, text)


def _wrong_entries(images: dict, objects: Sequence[dict]) -> list[str]:
    """Return what is wrong with entries that mmdet cannot read."""
    wrong = []
    for item in images.values():
        lacking = [key for key in ('file_name', 'height', 'width') if key not in item]
        if lacking:
            wrong.append(f'the image with id {item["id"]} has no {", ".join(lacking)}.')
    for item in objects:
        box = item.get('bbox')
        numbers = isinstance(box, list) and [x for x in box if isinstance(x, int | float)]
        if not numbers or len(numbers) != 4 or len(box) != 4:
            wrong.append(
                f'the object with id {item.get("id")} has bbox={box!r}; expected 4 numbers.'
            )
        elif item['image_id'] not in images:
            wrong.append(
                f'the object with id {item.get("id")} is of image {item["image_id"]}, which the '
                'file does not list.'
            )
        elif 'area' not in item:
            wrong.append(f"the object with id {item.get('id')} has no 'area', which mmdet reads.")
        if len(wrong) > 1:
            break
    return wrong


def _is_dropped(item: dict, image: dict) -> bool:
    """Return whether mmdet leaves an object out because of its box."""
    if item.get('ignore', False):
        return False
    x, y, width, height = item['bbox']
    across = min(x + width, image['width']) - max(x, 0)
    down = min(y + height, image['height']) - max(y, 0)
    return min(across, down) <= 0 or item['area'] <= 0 or width < 1 or height < 1


def _unknown_classes(path: str, unknown: Counter, classes: tuple[str, ...]) -> Iterator[Finding]:
    if unknown:
        named = ', '.join(f'{name!r} ({count:,})' for name, count in unknown.most_common(10))
        text = (
            f'objects of classes that the config does not have, which mmdet leaves out: {named}. '
            f'The classes are {", ".join(classes)}.'
        )
        yield Finding(WARN, 'foreign', path, text)


def _unreadable(path: str, error: Exception) -> Finding:
    if isinstance(error, FileNotFoundError):
        return Finding(STOP, 'missing', path, 'does not exist.')
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return Finding(STOP, 'unreadable', path, f'cannot be read: {reason}.')


def count_boxes(info: dict) -> Counter:
    """Return the number of boxes of each label of an image, without those to be ignored."""
    return Counter(
        int(instance['bbox_label'])
        for instance in info.get('instances', ())
        if not instance.get('ignore_flag', 0)
    )
