"""Rename the keys of an NYU Depth v2 caption file to mmsegmentation's image names.

    python tools/dataset_converters/nyu_captions.py CAPTIONS.json --root data/nyu

The authors' captions are keyed by paths of the distribution, `/kitchen_0028b/rgb_00045.jpg`, which
mmsegmentation's nyu.py converts to data/nyu/images/train/kitchen_0028b_00045.jpg. The key becomes
that name without extension. Entries without an image are kept.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from _report import (
    DatasetError,
    Parser,
    Report,
    add_expected,
    need_folder,
    run,
    some,
    stems,
)

PUBLISHED = {'train': 24231, 'test': 654}
# A frame of a scene, as distributed and as renamed.
DISTRIBUTED = re.compile(r'(?:.*/)?(?P<scene>[^/]+)/rgb_(?P<frame>\d{5})(?:\.(?:jpg|png))?')
RENAMED = re.compile(r'(?:.*/)?(?P<name>(?!rgb_)[^/]+_\d{5})(?:\.(?:jpg|png))?')
CONVERT = (
    'Make it with mmsegmentation (`mim run mmseg nyu NYU.zip -o data/nyu`); docs/datasets.md has '
    'the layout.'
)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description='Rename the keys of an NYU caption file to the stems of the images on disk, '
        'and compare both sides. Keys that are stems already stay as they are.'
    )
    parser.add_argument('captions', type=Path, help='caption file')
    parser.add_argument(
        '--out', type=Path, help='file to write (default: the caption file itself)'
    )
    parser.add_argument(
        '--root', type=Path, default='data/nyu', help='folder with images (default: %(default)s)'
    )
    add_expected(parser, PUBLISHED)
    return parser


def image_stem(key: str) -> str | None:
    """Return the name without extension of a key's image, or None if it is not NYU's."""
    match = DISTRIBUTED.fullmatch(key)
    if match:
        return f'{match["scene"]}_{match["frame"]}'
    match = RENAMED.fullmatch(key)
    return match and match['name']


def read_entries(path: Path) -> dict[str, Any]:
    """Return the entries of a caption file by key; COCO captions become lists.

    Raises:
        DatasetError: If it is not a caption file.
    """
    # Not at the top, so that --help does not wait for this import.
    from mmtadp.captions.formats import CaptionFileError, read_caption_file

    try:
        captions = read_caption_file(str(path))
    except (CaptionFileError, FileNotFoundError) as error:
        raise DatasetError(str(error)) from error
    content = json.loads(path.read_text(encoding='utf-8-sig'))
    if content.keys() == captions.keys():
        return content
    return {key: {'captions': list(texts)} for key, texts in captions.items()}


def rename(entries: dict[str, Any], path: Path, show: int) -> dict[str, Any]:
    """Return the entries by the stems of their images.

    Raises:
        DatasetError: If a key is not a frame of NYU, or two entries of one image differ.
    """
    unknown = [repr(key) for key in entries if image_stem(key) is None]
    if unknown:
        raise DatasetError(
            f'{path}: {len(unknown):,} of {len(entries):,} keys do not name images of NYU, such '
            f"as '/kitchen_0028b/rgb_00045.jpg' or 'kitchen_0028b_00045': {some(unknown, show)}."
        )
    renamed: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for key, entry in entries.items():
        stem = image_stem(key)
        if renamed.setdefault(stem, entry) != entry:
            raise DatasetError(
                f'{path}: keys {sources[stem]!r} and {key!r} are both {stem}, with different '
                'captions. Keep one.'
            )
        sources.setdefault(stem, key)
    return renamed


def compare(report: Report, root: Path, keys: set[str]) -> None:
    """Compare the keys with the images of both splits.

    Raises:
        DatasetError: If no key belongs to an image.
    """
    unmatched = set(keys)
    for split in PUBLISHED:
        folder = need_folder(root, f'images/{split}', CONVERT)
        images = stems(folder, '.jpg')
        report.count(split, len(images), CONVERT)
        without = [f'{stem}.jpg' for stem in images if stem not in keys]
        report.missing(
            f'images without a caption in {folder}',
            without,
            "Caption them, or set missing='null' in the config.",
        )
        unmatched -= images.keys()
    if len(unmatched) == len(keys):
        raise DatasetError(
            f'No caption belongs to an image in {root}, so nothing is written: the first belongs '
            f'to {min(keys)}.jpg. Are these captions and images of one dataset?'
        )
    if unmatched:
        report.note(
            f'captions without an image, kept: {len(unmatched):,} '
            f'({some(sorted(unmatched), report.show)})'
        )


def check(args: argparse.Namespace) -> bool:
    """Rename as the command line asks; return whether no problem was found."""
    from mmtadp.utils.atomic_files import write_bytes

    out = args.out or args.captions
    report = Report(f'NYU captions in {args.captions}', args.expected)
    entries = read_entries(args.captions)
    renamed = rename(entries, args.captions, report.show)
    report.note(f'captions: {len(renamed):,}')
    compare(report, args.root, renamed.keys())
    content = json.dumps(renamed).encode()
    if out == args.captions:
        done = renamed == entries
    else:
        done = out.is_file() and out.read_bytes() == content
    if done:
        report.note(f'the keys of {out} are already right')
    else:
        # Even if images lack a caption: renaming loses nothing.
        write_bytes(out, content)
        report.note(f'wrote {out}')
    return report.conclude()


if __name__ == '__main__':
    run(make_parser(), check)
