"""Compares a caption file with the images it is for, and looks into its captions.

    python tools/captions/check.py captions.json data/streets/images
    python tools/captions/check.py captions.json my_config.py --style watercolor --words paint

Counts images without a caption, keys without an image, keys that fit several images, empty and
repeated captions, captions too long for CLIP (77 tokens), and captions with words of a style, as
tools/captions/clean.py knows it, or of a list.

Exit codes: 0 no problem found, 1 problems, 2 files that cannot be read.
"""

import argparse
import statistics
import sys
from pathlib import Path

from mmengine.config import DictAction

from mmtadp.captioning.cleaning import STYLES, Vocabulary
from mmtadp.captions import CaptionFileError
from mmtadp.captions.check import PROBLEMS, Report, check_captions
from mmtadp.captions.keys import KEY_POLICIES
from mmtadp.models.diffusion.tokenizer import count_clip_tokens
from mmtadp.utils.atomic_files import write_json
from mmtadp.utils.image_sources import SOURCES, find_images
from mmtadp.utils.resumable import RunError


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Check a caption file.')
    parser.add_argument('captions', help='caption file of any schema')
    parser.add_argument('input', nargs='?', help=f'what it is for: {SOURCES}')
    parser.add_argument('--key', choices=KEY_POLICIES, default='auto', help='what its keys are')
    parser.add_argument('--root', help='where relative paths of a list start')
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=('train', 'val', 'test'),
        default=('train', 'val', 'test'),
        help='of a config (default: all)',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='settings that override a config'
    )
    parser.add_argument('--max-tokens', type=int, default=77, help='default: 77')
    parser.add_argument(
        '--style',
        nargs='+',
        default=[],
        help='styles whose words no caption should have: '
        f'{", ".join(STYLES)}, or a YAML file with a vocabulary like theirs',
    )
    parser.add_argument(
        '--words', nargs='+', default=[], help='words or quoted phrases no caption should have'
    )
    parser.add_argument(
        '--words-file',
        type=Path,
        help='the same, one a line; lines that begin with # are not read',
    )
    parser.add_argument(
        '--allow',
        nargs='+',
        choices=list(PROBLEMS),
        default=[],
        help='problems that do not count for the exit code',
    )
    parser.add_argument(
        '--examples', type=int, default=5, help='cases to print of each problem (default: 5)'
    )
    parser.add_argument(
        '--report', type=Path, metavar='FILE.json', help='where to write all cases'
    )
    return parser


def read_words(args: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The words of all three arguments, and phrases of the styles in which they are none.

    Raises:
        RunError: If there is no such style.
        OSError: If there is no such list.
    """
    styles = [Vocabulary.load(style) for style in args.style]
    words = [*args.words, *(word for style in styles for word in style.words())]
    if args.words_file is not None:
        lines = map(str.strip, args.words_file.read_text('utf-8').splitlines())
        words += [line for line in lines if line and not line.startswith('#')]
    return words, [phrase for style in styles for phrase in style.keep]


def show(report: Report, args: argparse.Namespace) -> None:
    """Prints what was found."""
    compared = f', compared with {report.images:,} images' if report.images else ''
    print(f'{args.captions}: {report.keys:,} keys (read as {report.policy}){compared}')
    if report.lengths:
        print(
            f'tokens per caption: {min(report.lengths)} to {max(report.lengths)}, median '
            f'{statistics.median(report.lengths):g}, limit {args.max_tokens}'
        )
    for kind, cases in report.problems.items():
        if cases:
            print(f'{kind}: {len(cases):,} {PROBLEMS[kind]}')
            for case in cases[: args.examples]:
                print(f'    {case}')
            if len(cases) > args.examples:
                print(f'    ... and {len(cases) - args.examples:,} more')
    if report.words:
        print('words: ' + ', '.join(f'{word} {n}' for word, n in report.words.most_common()))
    if report.same_text:
        text, count = report.same_text.most_common(1)[0]
        print(
            f'{len(report.same_text):,} captions serve several images (no problem by itself); the '
            f'commonest has {count:,}: {text!r}'
        )


def main() -> int:
    """Entry point; returns the exit code."""
    args = make_parser().parse_args()
    try:
        images = None
        if args.input is not None:
            images = find_images(args.input, args.root, args.splits, args.cfg_options)
        words, keep = read_words(args)
        report = check_captions(
            args.captions, images, args.key, words, count_clip_tokens, args.max_tokens, keep
        )
    except (RunError, CaptionFileError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    show(report, args)
    if args.report is not None:
        write_json(args.report, report.problems)
    found = report.found(args.allow)
    print(f'problems: {", ".join(found)}' if found else 'no problems')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
