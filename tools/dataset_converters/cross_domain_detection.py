"""Check Watercolor2k and Comic2k after unpacking; mmdetection has no tool for them.

    python tools/dataset_converters/cross_domain_detection.py data/watercolor data/comic

Nothing is written: the sets come in Pascal VOC's layout, which the configs read directly.
"""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from _report import (
    Counts,
    Parser,
    Report,
    add_expected,
    image_header,
    need_folder,
    read_names,
    run,
    stems,
)

PUBLISHED = {'train': 1000, 'test': 1000}
CLASSES = ('bicycle', 'bird', 'car', 'cat', 'dog', 'person')
SIDES = ('xmin', 'ymin', 'xmax', 'ymax')
UNPACK = (
    'Unpack watercolor.zip or comic.zip of the cross-domain-detection page again; '
    'docs/datasets.md has the layout.'
)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description='Check Watercolor2k or Comic2k: numbers of images, every listed image and its '
        'annotation, the class names, the boxes. Writes nothing.'
    )
    parser.add_argument(
        'roots', nargs='+', metavar='ROOT', type=Path, help='folder with JPEGImages'
    )
    parser.add_argument(
        '--classes',
        nargs='+',
        default=CLASSES,
        metavar='NAME',
        help=f'names that objects may have (default: {" ".join(CLASSES)})',
    )
    add_expected(parser, PUBLISHED)
    return parser


def box_problem(box: ElementTree.Element | None, width: int, height: int) -> str | None:
    """Return the problem of a ``bndbox``, or None if there is none.

    VOC counts pixels from 1, and the last one belongs to the box. Boxes that extend
    slightly beyond the image are accepted: mmdetection clips them.
    """
    try:
        xmin, ymin, xmax, ymax = (int(float(box.findtext(side))) for side in SIDES)
    except (AttributeError, OverflowError, TypeError, ValueError):
        return 'without four numbers'
    text = f'({xmin}, {ymin}, {xmax}, {ymax})'
    if xmax <= xmin or ymax <= ymin:
        return f'{text} without an area'
    if xmax < 1 or ymax < 1 or xmin > width or ymin > height:
        return f'{text} outside of {width} x {height}'
    return None


class Annotations:
    """Reads annotation files, and collects what is wrong in them.

    Args:
        classes (Sequence[str]): Class names that may occur.

    Attributes:
        objects (Counter): Objects per class.
        empty (int): Images without an object.
        unreadable, unknown, boxes (list[str]): Problems, each with the file's name.
    """

    def __init__(self, classes: Sequence[str]):
        self.classes = classes
        self.objects: Counter = Counter()
        self.empty = 0
        self.unreadable: list[str] = []
        self.unknown: list[str] = []
        self.boxes: list[str] = []

    def read(self, path: Path, width: int, height: int) -> None:
        """Read the annotation of an image of a size."""
        if not path.is_file():
            self.unreadable.append(f'{path.name} (not a file)')
            return
        try:
            objects = ElementTree.parse(path).getroot().findall('object')
        # Of an encoding that Python does not know, or that the text is not in.
        except (ElementTree.ParseError, LookupError, OSError, ValueError) as error:
            self.unreadable.append(f'{path.name} ({error})')
            return
        names = [(item.findtext('name') or '').strip() for item in objects]
        self.objects.update(names)
        self.empty += not names
        unknown = sorted(set(names) - set(self.classes))
        self.unknown += [f'{name!r} in {path.name}' for name in unknown]
        for name, item in zip(names, objects):
            problem = box_problem(item.find('bndbox'), width, height)
            if problem:
                self.boxes.append(f'{name} {problem} in {path.name}')


def check_split(
    report: Report,
    root: Path,
    split: str,
    names: list[str],
    images: Mapping[str, Path],
    xmls: Mapping[str, Path],
    annotations: Annotations,
) -> None:
    """Check the images and annotations of one list."""
    listed = [f'{name}.jpg' for name in names if name not in images]
    report.missing(f'images of {split}.txt missing in {root / "JPEGImages"}', listed, UNPACK)
    listed = [f'{name}.xml' for name in names if name not in xmls]
    report.missing(f'annotations of {split}.txt missing in {root / "Annotations"}', listed, UNPACK)
    broken = []
    for name in names:
        header = image_header(images[name]) if name in images else None
        if name in images and header is None:
            broken.append(images[name].name)
        elif header and name in xmls:
            annotations.read(xmls[name], *header[1])
    report.missing(f'unreadable images in {root / "JPEGImages"}', broken, UNPACK)


def check(root: Path, classes: Sequence[str], expected: Counts) -> bool:
    """Check one dataset; returns whether all is well."""
    report = Report(str(root), expected)
    lists = need_folder(root, 'ImageSets/Main', UNPACK)
    images = stems(need_folder(root, 'JPEGImages', UNPACK), '.jpg')
    xmls = stems(need_folder(root, 'Annotations', UNPACK), '.xml')
    splits = {split: read_names(lists / f'{split}.txt', report, UNPACK) for split in PUBLISHED}
    annotations = Annotations(classes)
    for split, names in splits.items():
        report.count(split, len(names), UNPACK)
        check_split(report, root, split, names, images, xmls, annotations)
    both = sorted(set(splits['train']) & set(splits['test']))
    report.missing('images both in train.txt and in test.txt', both, UNPACK)

    found = ', '.join(f'{name} {annotations.objects[name]:,}' for name in classes)
    report.note(f'objects: {found}')
    if annotations.empty:
        report.note(f'images without an object: {annotations.empty:,}')
    unlisted = len(images.keys() - {name for names in splits.values() for name in names})
    if unlisted:
        report.note(f'images in neither list, which no config reads: {unlisted:,}')
    absent = [name for name in classes if not annotations.objects[name]]
    report.missing('classes without an object', absent, 'Is this the set you mean?')
    report.missing(
        f'class names other than {", ".join(classes)}',
        annotations.unknown,
        'Objects of other classes are not scored; --classes names those you have.',
    )
    report.missing('unreadable annotations', annotations.unreadable, UNPACK)
    report.missing('invalid boxes', annotations.boxes, 'Correct or remove them.')
    return report.conclude()


def check_all(args: argparse.Namespace) -> bool:
    """Check as the command line asks; return whether no problem was found."""
    complete = [check(root, args.classes, args.expected) for root in args.roots]
    return all(complete)


if __name__ == '__main__':
    run(make_parser(), check_all)
