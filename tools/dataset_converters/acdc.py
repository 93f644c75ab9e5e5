"""Check ACDC (Adverse Conditions Dataset with Correspondences) after unpacking.

    python tools/dataset_converters/acdc.py data/acdc
    python tools/dataset_converters/acdc.py data/acdc --splits val --convert

The configs read the masks whose pixel values are Cityscapes' training labels, 0 to 18 and 255.
If a copy of the set has only masks of label ids, --convert makes the others from them.
"""

import argparse
import io
from pathlib import Path

import numpy as np
from _report import (
    DatasetError,
    Parser,
    Report,
    add_expected,
    image_header,
    need_folder,
    run,
)
from PIL import Image

CONDITIONS = ('fog', 'night', 'rain', 'snow')
PUBLISHED = {
    'fog/train': 400,
    'night/train': 400,
    'rain/train': 400,
    'snow/train': 400,
    'fog/val': 100,
    'night/val': 106,
    'rain/val': 100,
    'snow/val': 100,
}
IMAGE, TRAIN_IDS, LABEL_IDS = '_rgb_anon.png', '_gt_labelTrainIds.png', '_gt_labelIds.png'
UNPACK = (
    'Unpack rgb_anon_trainvaltest.zip and gt_trainval.zip of the ACDC page into one folder; '
    'docs/datasets.md has the layout.'
)
# Cityscapes' 19 evaluated classes: the label id of each, in the order of the training labels.
EVALUATED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
NUM_LABEL_IDS = 34
IGNORED = 255


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description='Check ACDC: for each condition and split the number of images, that each has '
        'a mask of training labels, and that both can be read and have one size.'
    )
    parser.add_argument(
        'root',
        nargs='?',
        metavar='ROOT',
        default='data/acdc',
        type=Path,
        help='folder with rgb_anon and gt (default: %(default)s)',
    )
    parser.add_argument(
        '--splits',
        nargs='+',
        default=['train', 'val'],
        choices=['train', 'val'],
        help='splits to check (default: both); the configs read val only',
    )
    parser.add_argument(
        '--convert',
        action='store_true',
        help=f'write missing *{TRAIN_IDS} from *{LABEL_IDS}; existing ones are not changed',
    )
    add_expected(parser, PUBLISHED)
    return parser


def train_ids(label_ids: np.ndarray) -> np.ndarray:
    """Cityscapes' training labels from its label ids.

    Args:
        label_ids (np.ndarray): uint8, 0 to 33, and 255 for licence plates (-1).

    Returns:
        np.ndarray: uint8, 0 to 18, and 255 for pixels that do not count.

    Raises:
        ValueError: If there are other values.
    """
    present = np.unique(label_ids)
    wrong = present[(present >= NUM_LABEL_IDS) & (present != IGNORED)]
    if wrong.size:
        raise ValueError(f'values {wrong.tolist()} are no label ids, which end at 33')
    table = np.full(256, IGNORED, np.uint8)
    table[list(EVALUATED)] = np.arange(len(EVALUATED))
    return table[label_ids]


def convert(source: Path, target: Path) -> None:
    """Write the mask of training labels next to the mask of label ids.

    Raises:
        DatasetError: If the latter is something else.
    """
    from mmtadp.utils.atomic_files import write_bytes

    try:
        with Image.open(source) as image:
            if image.mode not in ('L', 'P'):
                raise ValueError(f'a {image.mode} image, not 8-bit labels')
            mask = train_ids(np.array(image))
    except Exception as error:  # readers of images raise any error
        raise DatasetError(f'{source}: {error}. {UNPACK}') from error
    content = io.BytesIO()
    Image.fromarray(mask).save(content, 'PNG')
    write_bytes(target, content.getvalue())


def tree(folder: Path, suffix: str) -> dict[str, Path]:
    """Files below a folder, by their paths in it without the suffix."""
    paths = sorted(folder.glob(f'*/*{suffix}'))
    return {path.relative_to(folder).as_posix().removesuffix(suffix): path for path in paths}


def check_part(report: Report, root: Path, part: str, make: bool) -> None:
    """Check one condition of one split, such as ``'night/val'``."""
    folders = [Path(kind, part) for kind in ('rgb_anon', 'gt')]
    absent = [str(root / folder) for folder in folders if not (root / folder).is_dir()]
    if absent:
        report.missing('missing folders', absent, UNPACK)
        return
    images = tree(root / folders[0], IMAGE)
    masks = tree(root / folders[1], TRAIN_IDS)
    sources = tree(root / folders[1], LABEL_IDS)
    report.count(part, len(images), UNPACK)

    convertible = [name for name in images if name not in masks and name in sources]
    if make:
        for name in convertible:
            masks[name] = sources[name].with_name(Path(name).name + TRAIN_IDS)
            convert(sources[name], masks[name])
        if convertible:
            report.note(f'{part}: {len(convertible):,} masks converted')
    else:
        report.missing(
            f'images of {part} with a mask of label ids only',
            [name + LABEL_IDS for name in convertible],
            '--convert makes the training labels.',
        )
    without = [name + IMAGE for name in images if name not in masks and name not in sources]
    report.missing(f'images without a mask in {root / folders[1]}', without, UNPACK)
    left = [name + TRAIN_IDS for name in masks if name not in images]
    report.missing(f'masks without an image in {root / folders[0]}', left, UNPACK)
    check_sizes(report, part, [(images[name], masks[name]) for name in images if name in masks])


def check_sizes(report: Report, part: str, pairs: list) -> None:
    """Check that images and masks can be read, and have one size."""
    broken, different = [], []
    for pair in pairs:
        headers = [image_header(path) for path in pair]
        broken += [path.name for path, header in zip(pair, headers) if header is None]
        if None not in headers and headers[0][1] != headers[1][1]:
            different.append(pair[0].name)
    report.missing(f'unreadable images of {part}', broken, UNPACK)
    report.missing(f'images of {part} of another size than their mask', different, UNPACK)


def check(args: argparse.Namespace) -> bool:
    """Check as the command line asks; return whether no problem was found."""
    report = Report(f'ACDC in {args.root}', args.expected)
    for folder in ('rgb_anon', 'gt'):
        need_folder(args.root, folder, UNPACK)
    for part in PUBLISHED:
        if part.split('/')[1] in args.splits:
            check_part(report, args.root, part, args.convert)
    return report.conclude()


if __name__ == '__main__':
    run(make_parser(), check)
