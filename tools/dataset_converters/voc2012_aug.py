"""Write the list of Pascal VOC2012's trainaug split from a folder of its masks.

    python tools/dataset_converters/voc2012_aug.py data/VOCdevkit/VOC2012

SegmentationClassAug holds the masks of VOC2012 and of the Semantic Boundaries Dataset (SBD)
together. The ready-made folder comes without a list; mmsegmentation's voc_aug.py makes list and
folder, but only with the masks of SBD; --complete copies the missing ones from SegmentationClass.
"""

import argparse
from pathlib import Path

from _report import (
    DatasetError,
    Parser,
    Report,
    add_expected,
    image_header,
    need_folder,
    read_names,
    run,
    some,
    stems,
)

MASKS = 'SegmentationClassAug'
LISTS = Path('ImageSets', 'Segmentation')
PUBLISHED = {'trainaug': 10582, 'train': 1464, 'val': 1449}
GET_VOC = (
    'Unpack VOCtrainval_11-May-2012.tar of the VOC2012 page into data/; docs/datasets.md has the '
    'layout.'
)
GET_MASKS = (
    'Put all of SegmentationClassAug there, or make it from SBD with mmsegmentation '
    '(`mim run mmseg voc_aug`).'
)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description='Write ImageSets/Segmentation/trainaug.txt: all masks of SegmentationClassAug '
        'except those of val. Numbers, images and masks are checked first; a list that is already '
        'right is not changed.'
    )
    parser.add_argument(
        'root',
        nargs='?',
        metavar='ROOT',
        default='data/VOCdevkit/VOC2012',
        type=Path,
        help='folder with JPEGImages (default: %(default)s)',
    )
    parser.add_argument('--masks', default=MASKS, help='folder in ROOT (default: %(default)s)')
    parser.add_argument(
        '--complete',
        action='store_true',
        help='copy masks of train.txt that the folder lacks from SegmentationClass',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace a trainaug.txt with other names'
    )
    add_expected(parser, PUBLISHED)
    return parser


def complete_masks(root: Path, folder: Path, masks: dict[str, Path], train: list[str]) -> int:
    """Copy the masks of ``train`` that are not in ``masks``; return their number."""
    from mmtadp.utils.atomic_files import write_bytes

    copied = 0
    for name in train:
        source = root / 'SegmentationClass' / f'{name}.png'
        if name not in masks and source.is_file():
            masks[name] = folder / source.name
            write_bytes(masks[name], source.read_bytes())
            copied += 1
    return copied


def check_masks(report: Report, root: Path, folder: Path, masks: dict[str, Path]) -> None:
    """Check that the masks can be read as labels."""
    headers = {path.name: image_header(path) for path in masks.values()}
    broken = [name for name, header in headers.items() if header is None]
    report.missing(f'unreadable images in {folder}', broken, GET_MASKS)
    colour = [name for name, header in headers.items() if header and header[0] not in ('L', 'P')]
    report.missing(
        f'colour images instead of 8-bit labels in {folder}',
        colour,
        'Use the set whose pixel values are classes, 0 to 20 and 255.',
    )
    without = [f'{name}.jpg' for name in masks if not (root / f'JPEGImages/{name}.jpg').is_file()]
    report.missing(f'images missing in {root / "JPEGImages"}', without, GET_VOC)


def write_list(report: Report, path: Path, names: list[str], overwrite: bool) -> None:
    """Write the list, unless there is one with the same names in any order."""
    from mmtadp.utils.atomic_files import write_text
    from mmtadp.utils.text_files import read_text

    before = read_text(path).split() if path.is_file() else []
    if sorted(before) == names:
        report.note(f'{path} is already right')
        return
    if before and not overwrite:
        different = sorted(set(before).symmetric_difference(names)) or ['none, but some repeat']
        report.problem(
            f'{path} has {len(before):,} names, the masks give {len(names):,}; different: '
            f'{some(different, report.show)}. --overwrite replaces it.'
        )
        return
    try:
        write_text(path, ''.join(f'{name}\n' for name in names))
    except UnicodeEncodeError as error:
        odd = ascii(next(name for name in names if not name.isprintable()))
        raise DatasetError(f'the name of the mask {odd} is not UTF-8. Rename it.') from error
    report.note(f'wrote {path}')


def check(args: argparse.Namespace) -> bool:
    """Check, and write, as the command line asks; return whether no problem was found."""
    root, lists = args.root, args.root / LISTS
    report = Report(f'Pascal VOC2012 trainaug in {root}', args.expected)
    need_folder(root, 'JPEGImages', GET_VOC)
    splits = {
        name: read_names(lists / f'{name}.txt', report, GET_VOC) for name in ('train', 'val')
    }
    folder = need_folder(root, args.masks, GET_MASKS)
    masks = stems(folder, '.png')
    if not masks:
        raise DatasetError(f'{folder} holds no .png. {GET_MASKS}')
    if args.complete:
        copied = complete_masks(root, folder, masks, splits['train'])
        report.note(f'{copied:,} masks copied from SegmentationClass')

    names = sorted(masks.keys() - set(splits['val']))
    for name, found in splits.items():
        report.count(name, len(found), GET_VOC)
    report.count('trainaug', len(names), GET_MASKS)
    report.missing(
        f'names of train.txt without a mask in {folder}',
        [name for name in splits['train'] if name not in masks],
        '--complete copies them from SegmentationClass.',
    )
    scored = root / 'SegmentationClass'
    report.missing(
        f'names of val.txt without a mask in {scored}',
        [name for name in splits['val'] if not (scored / f'{name}.png').is_file()],
        GET_VOC,
    )
    check_masks(report, root, folder, masks)
    if report.problems:
        report.note('nothing written')
    else:
        write_list(report, lists / 'trainaug.txt', names, args.overwrite)
    return report.conclude()


if __name__ == '__main__':
    run(make_parser(), check)
