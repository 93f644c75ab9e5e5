"""Compare a caption file with the images it is for, and check its captions.

    python tools/captions/check.py captions.json data/streets/images
    python tools/captions/check.py captions.json my_config.py --style watercolor --words paint

It counts images without a caption, keys without an image, keys that fit several images, empty and
repeated captions, captions too long for CLIP (77 tokens), and captions with words of a style of
tools/captions/clean.py, or of a list.

Exit codes: 0 no problems, 1 problems, 2 user error, such as a file that cannot be read.
"""

import argparse
import statistics
import sys
from pathlib import Path

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import DictAction, Parser, new_file, non_negative, positive  # noqa: E402

# The library is imported after the arguments are parsed: --help and wrong arguments must not wait
# for torch.
SOURCES = (
    'a folder (searched with its subfolders), an image, a text file with one image per line, a '
    "quoted glob such as 'data/*/images/*.jpg', or an mmseg or mmdet config"
)
SPLITS = ('train', 'val', 'test')
STYLES = 'comic, fog, night, rain, snow, watercolor'
PROBLEMS = ('missing', 'extra', 'ambiguous', 'empty', 'repeated', 'long', 'style')


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description='Check a caption file.')
    parser.add_argument('captions', help='caption file of any schema')
    parser.add_argument('input', nargs='?', help=f'the images it is for: {SOURCES}')
    parser.add_argument(
        '--key',
        choices=('auto', 'stem', 'filename', 'relpath'),
        default='auto',
        help='how keys name images (default: auto)',
    )
    parser.add_argument('--root', help='folder from which relative paths of a list start')
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=SPLITS,
        default=SPLITS,
        help='datasets of a config (default: all)',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='settings that override a config'
    )
    parser.add_argument('--max-tokens', type=positive, default=77, help='default: 77')
    parser.add_argument(
        '--style',
        nargs='+',
        default=[],
        help=f'styles whose words no caption should contain: {STYLES}, or a YAML file with such a '
        'vocabulary',
    )
    parser.add_argument(
        '--words',
        nargs='+',
        default=[],
        help='words or quoted phrases that no caption should contain',
    )
    parser.add_argument(
        '--words-file',
        type=Path,
        help='file of words or phrases, one a line; lines that begin with # are ignored',
    )
    parser.add_argument(
        '--allow',
        nargs='+',
        choices=PROBLEMS,
        default=[],
        help='problems that do not change the exit code',
    )
    parser.add_argument(
        '--examples',
        type=non_negative,
        default=5,
        help='number of cases to print per problem (default: 5)',
    )
    parser.add_argument(
        '--report', type=new_file, metavar='FILE.json', help='file to write all cases to'
    )
    return parser


def read_words(args: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return the words of all three arguments, and the phrases that may contain them.

    Raises:
        RunError: If there is no such style.
        OSError: If there is no such list.
    """
    from mmtadp.captioning.cleaning import Vocabulary
    from mmtadp.utils.text_files import read_lines

    styles = [Vocabulary.load(style) for style in args.style]
    words = [*args.words, *(word for style in styles for word in style.words())]
    if args.words_file is not None:
        words += [line for line in read_lines(args.words_file) if not line.startswith('#')]
    return words, [phrase for style in styles for phrase in style.keep]


def show(report, args: argparse.Namespace) -> None:
    """Print the problems and statistics."""
    from mmtadp.captions.check import PROBLEMS as WORDING

    compared = f', compared with {report.images:,} images' if report.images else ''
    print(f'{args.captions}: {report.keys:,} keys (read as {report.policy}){compared}')
    if report.lengths:
        print(
            f'tokens per caption: {min(report.lengths)} to {max(report.lengths)}, median '
            f'{statistics.median(report.lengths):g}, limit {args.max_tokens}'
        )
    for kind, cases in report.problems.items():
        if cases:
            print(f'{kind}: {len(cases):,} {WORDING[kind]}')
            for case in cases[: args.examples]:
                print(f'    {case}')
            if len(cases) > args.examples:
                print(f'    ... and {len(cases) - args.examples:,} more')
    if report.words:
        print('words: ' + ', '.join(f'{word} {n}' for word, n in report.words.most_common()))
    if report.same_text:
        text, count = report.same_text.most_common(1)[0]
        print(
            f'{len(report.same_text):,} captions belong to several images (not a problem); the '
            f'most frequent one to {count:,}: {text!r}'
        )


def check(args: argparse.Namespace) -> int:
    """Check the file, print what was found, and return the exit code."""
    from mmtadp.captions import check_captions
    from mmtadp.models.diffusion.tokenizer import count_clip_tokens
    from mmtadp.utils.atomic_files import write_json
    from mmtadp.utils.image_sources import find_images

    images = None
    if args.input is not None:
        images = find_images(args.input, args.root, args.splits, args.cfg_options)
    words, keep = read_words(args)
    report = check_captions(
        args.captions, images, args.key, words, count_clip_tokens, args.max_tokens, keep
    )
    show(report, args)
    if args.report is not None:
        write_json(Path(args.report), report.problems)
    problems = report.problem_kinds(args.allow)
    print(f'problems: {", ".join(problems)}' if problems else 'no problems')
    return 1 if problems else 0


def main() -> int:
    """Run the tool and return the exit code."""
    args = make_parser().parse_args()
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: check(args))


if __name__ == '__main__':
    sys.exit(main())
