"""Joins caption files into one, in the authors' schema and in the order of keys.

    python tools/captions/merge.py part0.json part1.json --out captions.json

The parts of `generate.py --part` give the file that one run gives. Lists of skipped images beside
the files are joined too, and their origin is written to NAME.provenance.json.

Exit codes: 0 done, 2 conflicting captions, or files that do not go together.
"""

import argparse
import sys

from mmtadp.captions import CaptionFileError
from mmtadp.captions.merge import ON_CONFLICT, merge_files
from mmtadp.utils.resumable import RunError


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Join caption files.')
    parser.add_argument('files', nargs='+', help='caption files of any schema')
    parser.add_argument('--out', required=True, metavar='NAME.json')
    parser.add_argument(
        '--on-conflict',
        choices=ON_CONFLICT,
        default='error',
        help='an image with different captions in two files: stop (default), take those of the '
        'first or the last file, or all',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace --out if it exists')
    return parser


def main() -> int:
    """Entry point; returns the exit code."""
    args = make_parser().parse_args()
    try:
        images, conflicts = merge_files(args.files, args.out, args.on_conflict, args.overwrite)
    except (RunError, CaptionFileError, FileNotFoundError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    settled = f', {conflicts:,} conflicts settled ({args.on_conflict})' if conflicts else ''
    print(f'{args.out}: {images:,} images from {len(args.files)} files{settled}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
