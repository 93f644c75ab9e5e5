"""Remove mentions of a style from captions, so that a template can name the domain instead.

    python tools/captions/clean.py captions.json --style watercolor --out cleaned.json

    python tools/captions/clean.py captions.json --style comic --out cleaned.json \\
        --endpoint http://localhost:8000/v1 --model NAME --max-tokens 200000

Rules and NLTK's tagger do it without a network. With --endpoint, a language model with an
OpenAI-compatible interface does it, and the rules check its answers. Next to NAME.json it writes
NAME.provenance.json; a folder NAME.journal holds the model's results until then.

Exit codes: 0 done, 1 unexpected error, 2 user error or cap on tokens or cost reached (the message
describes how to continue), 130 interrupted (Ctrl-C).
"""

import argparse
import os
import sys
from pathlib import Path

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import (  # noqa: E402
    Parser,
    new_file,
    non_negative,
    non_negative_number,
    positive,
    positive_number,
)

# The library is imported after the arguments are parsed: --help and wrong arguments must not wait
# for torch.
STYLES = 'comic, fog, night, rain, snow, watercolor'


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description='Remove mentions of a style from captions.')
    parser.add_argument('captions', help='caption file of any schema')
    parser.add_argument(
        '--style',
        required=True,
        help=f'style to remove: {STYLES}, or a YAML file with such a vocabulary',
    )
    parser.add_argument(
        '--out', required=True, type=new_file, metavar='NAME.json', help='the file to write'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace --out if it exists')
    parser.add_argument(
        '--if-empty',
        default='',
        metavar='TEXT',
        help='replaces a caption that mentions nothing but the style (default: empty caption)',
    )
    parser.add_argument(
        '--examples',
        type=non_negative,
        default=5,
        help='number of changed captions to print (default: 5)',
    )
    parser.add_argument(
        '--report',
        type=new_file,
        metavar='FILE.json',
        help='file to write all changed captions to',
    )
    group = parser.add_argument_group('language model')
    group.add_argument('--endpoint', metavar='URL', help='base URL, such as https://HOST/v1')
    group.add_argument('--model', help='name of the model at the endpoint')
    group.add_argument(
        '--key-env',
        default='OPENAI_API_KEY',
        metavar='NAME',
        help='environment variable with the API key, if one is needed (default: %(default)s)',
    )
    group.add_argument(
        '--batch-size', type=positive, default=20, help='captions per request (default: 20)'
    )
    group.add_argument(
        '--retries', type=non_negative, default=5, help='repeats of a failed request (default: 5)'
    )
    group.add_argument(
        '--timeout',
        type=positive_number,
        default=60,
        help='seconds to wait for an answer (default: 60)',
    )
    group.add_argument(
        '--max-tokens', type=positive, help='cap on the tokens of all requests, in and out'
    )
    group.add_argument('--max-cost', type=positive_number, help='cap on cost; needs --prices')
    group.add_argument(
        '--prices',
        type=non_negative_number,
        nargs=2,
        metavar=('IN', 'OUT'),
        help='cost of a million tokens sent and received',
    )
    return parser


def clean_offline(args: argparse.Namespace):
    """Clean by rules; return the counts and the cleaned captions."""
    from mmtadp.captioning.cleaning import CleanedCaptions, OfflineCleaner, Vocabulary
    from mmtadp.captions import derive_file

    clean = OfflineCleaner(Vocabulary.load(args.style))
    cleaned = CleanedCaptions()

    def change(caption: str) -> str:
        if caption not in cleaned.captions:
            cleaned.captions[caption] = clean(caption) or args.if_empty
        return cleaned.captions[caption]

    settings = dict(cleaned='offline', style=args.style, if_empty=args.if_empty)
    return derive_file(args.captions, args.out, settings, change, args.overwrite), cleaned


def clean_by_model(args: argparse.Namespace):
    """Clean by a language model; return the counts and the cleaned captions."""
    from mmtadp.captioning.cleaning import (
        Budget,
        ChatEndpoint,
        LanguageModelCleaner,
        OfflineCleaner,
        Vocabulary,
        clean_with_model,
    )

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
    """Clean the file and return the exit code."""
    parser = make_parser()
    args = parser.parse_args()
    if (args.endpoint is None) != (args.model is None):
        parser.error('--endpoint needs --model, and --model needs --endpoint')
    if args.max_cost is not None and args.prices is None:
        parser.error('--max-cost needs --prices, the cost of a million tokens')
    from mmtadp.utils.errors import exit_code, same_command

    # The rules take seconds and keep nothing until they are done.
    continues = '' if args.endpoint is None else same_command(args.overwrite)
    return exit_code(lambda: clean(args), continues)


def clean(args: argparse.Namespace) -> None:
    """Clean the file and print what was changed."""
    result, cleaned = (clean_offline if args.endpoint is None else clean_by_model)(args)
    report(args, cleaned.captions, result)
    if cleaned.by_rules:
        print(
            f'{len(cleaned.by_rules):,} captions were cleaned by the rules, because the answers '
            'of the model did not fit; the provenance file lists them'
        )


def report(args: argparse.Namespace, changes: dict[str, str], result) -> None:
    """Print the counts and some changes, and write the report."""
    from mmtadp.utils.atomic_files import write_json

    print(f'{args.out}: {result.images:,} images, {result.changed:,} captions changed')
    changed = {before: after for before, after in changes.items() if before != after}
    for before in list(changed)[: args.examples]:
        print(f'    {before!r} -> {changed[before]!r}')
    if result.empty:
        print(
            f'{len(result.empty):,} images have an empty caption, such as {result.empty[0]}: '
            "set missing='null' in CaptionLoadTransform, or use --if-empty TEXT"
        )
    if args.report is not None:
        write_json(Path(args.report), changed)


if __name__ == '__main__':
    sys.exit(main())
