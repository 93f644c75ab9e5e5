"""Removes mentions of a style from captions, so that a template can word them for a domain.

    python tools/captions/clean.py captions.json --style watercolor --out cleaned.json

Rules and NLTK's tagger do it without network. Beside NAME.json it writes NAME.provenance.json.

Exit codes: 0 done, 2 an error that you can put right; the message says how.
"""

import argparse
import sys
from pathlib import Path

from mmtadp.captioning.cleaning import STYLES, OfflineCleaner, Vocabulary
from mmtadp.captioning.derived import derive_file
from mmtadp.captioning.results import write_json
from mmtadp.datasets.captions import TaggerDataError


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Remove mentions of a style from captions.')
    parser.add_argument('captions', help='caption file of any schema')
    parser.add_argument(
        '--style',
        required=True,
        help=f'what to remove: {", ".join(STYLES)}, or a YAML file with a vocabulary like theirs',
    )
    parser.add_argument('--out', required=True, metavar='NAME.json', help='the caption file')
    parser.add_argument('--overwrite', action='store_true', help='replace --out if it exists')
    parser.add_argument(
        '--if-empty',
        default='',
        metavar='TEXT',
        help='what becomes of a caption that is nothing but style (default: the empty caption)',
    )
    parser.add_argument(
        '--examples', type=int, default=5, help='changed captions to print (default: 5)'
    )
    parser.add_argument(
        '--report', type=Path, metavar='FILE.json', help='where to write all changed captions'
    )
    return parser


def main() -> int:
    """Entry point; returns the exit code."""
    args = make_parser().parse_args()
    changes: dict[str, str] = {}
    try:
        clean = OfflineCleaner(Vocabulary.load(args.style))

        def change(_: str, caption: str) -> str:
            if caption not in changes:
                changes[caption] = clean(caption) or args.if_empty
            return changes[caption]

        settings = dict(cleaned='offline', style=args.style, if_empty=args.if_empty)
        result = derive_file(args.captions, args.out, settings, change, args.overwrite)
    except (ValueError, TaggerDataError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    report(args, changes, result)
    return 0


def report(args: argparse.Namespace, changes: dict[str, str], result) -> None:
    """Says what was done."""
    print(f'{args.out}: {result.images:,} images, {result.changed:,} captions changed')
    changed = {before: after for before, after in changes.items() if before != after}
    for before in list(changed)[: args.examples]:
        print(f'    {before!r} -> {changed[before]!r}')
    if result.empty:
        print(
            f'{len(result.empty):,} have an empty caption, such as {result.empty[0]}: '
            "CaptionLoadTransform takes them with missing='null', or say --if-empty TEXT"
        )
    if args.report is not None:
        write_json(args.report, changed)


if __name__ == '__main__':
    sys.exit(main())
