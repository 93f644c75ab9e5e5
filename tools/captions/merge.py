"""Join caption files into one, in the authors' schema and in the order of keys.

    python tools/captions/merge.py part0.json part1.json --out captions.json

The parts of `generate.py --part` give the same file as one run. Lists of skipped images next to
the files are joined, too. NAME.provenance.json records where the captions come from.

Exit codes: 0 done, 1 unexpected error, 2 user error, such as conflicting captions (the message
describes how to fix it).
"""

import argparse
import sys
from pathlib import Path

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import Parser, new_file  # noqa: E402


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description='Join caption files.')
    parser.add_argument('files', nargs='+', help='caption files of any schema')
    parser.add_argument(
        '--out', required=True, type=new_file, metavar='NAME.json', help='the file to write'
    )
    parser.add_argument(
        '--on-conflict',
        choices=('error', 'first', 'last', 'all'),
        default='error',
        help='for an image with different captions in two files: stop (default), take those of '
        'the first or the last file, or all',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace --out if it exists')
    return parser


def merge(args: argparse.Namespace) -> None:
    """Join the files and print the counts."""
    # Not above: --help and wrong arguments must not wait for torch.
    from mmtadp.captions import merge_files

    images, conflicts = merge_files(args.files, args.out, args.on_conflict, args.overwrite)
    settled = f', {conflicts:,} conflicts settled ({args.on_conflict})' if conflicts else ''
    print(f'{args.out}: {images:,} images from {len(args.files)} files{settled}')


def main() -> int:
    """Run the tool and return the exit code."""
    args = make_parser().parse_args()
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: merge(args))


if __name__ == '__main__':
    sys.exit(main())
