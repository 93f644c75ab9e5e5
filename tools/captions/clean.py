"""Removes mentions of a style from captions, so that a template can word them for a domain.

    python tools/captions/clean.py captions.json --style watercolor --out cleaned.json

    python tools/captions/clean.py captions.json --style comic --out cleaned.json \\
        --endpoint http://localhost:8000/v1 --model NAME --max-tokens 200000

Rules and NLTK's tagger do it without network. With --endpoint, a language model behind an
OpenAI-compatible interface does, and the rules check its answers. Beside NAME.json it writes
NAME.provenance.json; until then a folder NAME.journal holds what the model has done.

Exit codes: 0 done, 2 an error that you can put right (also: the cap on tokens or cost is
reached), and the message says how, 130 interrupted (Ctrl-C).
"""

import argparse
import os
import signal
import sys
from pathlib import Path

from mmtadp.captioning.cleaning import (
    STYLES,
    Budget,
    ChatEndpoint,
    LanguageModelCleaner,
    OfflineCleaner,
    Vocabulary,
    clean_with_model,
)
from mmtadp.captions import TaggerDataError
from mmtadp.captions.derive import Derived, derive_file
from mmtadp.utils.atomic_files import write_json


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
    group = parser.add_argument_group('language model')
    group.add_argument('--endpoint', metavar='URL', help='such as https://HOST/v1')
    group.add_argument('--model', help='its name there')
    group.add_argument(
        '--key-env',
        default='OPENAI_API_KEY',
        metavar='NAME',
        help='environment variable that has the key, if one is needed (default: %(default)s)',
    )
    group.add_argument('--batch-size', type=int, default=20, help='captions per request')
    group.add_argument('--retries', type=int, default=5, help='of a failed request (default: 5)')
    group.add_argument('--timeout', type=float, default=60, help='seconds (default: 60)')
    group.add_argument('--max-tokens', type=int, help='cap on tokens, in and out, of all requests')
    group.add_argument('--max-cost', type=float, help='cap on cost; needs --prices')
    group.add_argument(
        '--prices',
        type=float,
        nargs=2,
        metavar=('IN', 'OUT'),
        help='cost of a million tokens sent and received',
    )
    return parser


def clean_offline(args: argparse.Namespace) -> tuple[Derived, dict[str, str], dict[str, str]]:
    """Cleans by rules."""
    clean = OfflineCleaner(Vocabulary.load(args.style))
    changes: dict[str, str] = {}

    def change(caption: str) -> str:
        if caption not in changes:
            changes[caption] = clean(caption) or args.if_empty
        return changes[caption]

    settings = dict(cleaned='offline', style=args.style, if_empty=args.if_empty)
    return derive_file(args.captions, args.out, settings, change, args.overwrite), changes, {}


def clean_by_model(args: argparse.Namespace) -> tuple[Derived, dict[str, str], dict[str, str]]:
    """Has a language model clean."""
    rules = OfflineCleaner(Vocabulary.load(args.style))

    def make_cleaner(budget: Budget) -> LanguageModelCleaner:
        endpoint = ChatEndpoint(
            args.endpoint,
            args.model,
            budget,
            os.environ.get(args.key_env),
            args.retries,
            args.timeout,
        )
        return LanguageModelCleaner(endpoint, rules, args.batch_size)

    return clean_with_model(
        args.captions,
        args.out,
        dict(cleaned='endpoint', style=args.style, endpoint=args.endpoint, model=args.model),
        make_cleaner,
        dict(max_tokens=args.max_tokens, max_cost=args.max_cost, prices=args.prices),
        args.if_empty,
        args.overwrite,
    )


def main() -> int:
    """Entry point; returns the exit code."""
    parser = make_parser()
    args = parser.parse_args()
    if (args.endpoint is None) != (args.model is None):
        parser.error('--endpoint and --model go together')
    if args.batch_size < 1 or args.retries < 0:
        parser.error('--batch-size is 1 or more, --retries 0 or more')
    try:
        clean = clean_offline if args.endpoint is None else clean_by_model
        result, changes, by_rules = clean(args)
    except (ValueError, TaggerDataError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('\nInterrupted. The same command without --overwrite continues.', file=sys.stderr)
        return 128 + signal.SIGINT
    report(args, changes, result)
    if by_rules:
        print(
            f'{len(by_rules):,} were cleaned by the rules, because the model did not answer as '
            'asked; the provenance file lists them'
        )
    return 0


def report(args: argparse.Namespace, changes: dict[str, str], result: Derived) -> None:
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
