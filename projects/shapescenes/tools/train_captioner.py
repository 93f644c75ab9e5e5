"""Train the captioner of ShapeScenes, which writes captions from the pixels of an image.

    python projects/shapescenes/tools/train_captioner.py --out work_dirs/captioner
    python tools/captions/generate.py data/shapescenes/day/images --out captions.json \\
        --model work_dirs/captioner/captioner --min-new-tokens 20

The result is the folder OUT/captioner with a model card: precision and recall of class names on
held-out scenes. OUT also has log.jsonl, samples/ and checkpoint.pt. After an interruption of any
kind, the same command continues from the checkpoint.

Exit codes: 0 done, 1 unexpected error, 2 user error (the message says how to fix it),
130 interrupted (Ctrl-C), 143 terminated.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

# To import `projects`; an installed mmtadp comes first. `tools` holds what all tools share.
sys.path.append(str(Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / 'tools'))

# Before torch is imported. Threads that wait otherwise keep their cores busy.
os.environ.setdefault('GOMP_SPINCOUNT', '1000')

from _arguments import Parser, non_negative, positive_number

from projects.shapescenes.captioner.captioner_settings import CaptionerSettings
from projects.shapescenes.tinysd.run_arguments import add_run_arguments, default_device


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = Parser(description='Train the captioner of ShapeScenes.')
    texts = dict(
        scenes='training scenes',
        steps='optimiser steps; the learning rate falls in the last quarter',
        batch_size='images per step',
        learning_rate='learning rate between warm-up and decay',
        long_share='share of the texts in which a long caption follows the short one',
        seed='seed of weights and batches',
        workers='processes that render scenes; 0 uses this one',
        checkpoint_every='steps between checkpoints and samples',
    )
    add_run_arguments(parser, CaptionerSettings, texts)
    parser.add_argument(
        '--domains',
        nargs='+',
        type=_share,
        metavar='DOMAIN=WEIGHT',
        help='domains, and their weights among the scenes (default: day=2 night=1 watercolor=1 '
        'comic=1)',
    )
    parser.add_argument(
        '--test-scenes',
        type=non_negative,
        default=400,
        help='held-out scenes of each domain for the test; 0 skips it (default: 400)',
    )
    return parser


def _share(text: str) -> tuple[str, float]:
    domain, _, weight = text.partition('=')
    try:
        return domain, positive_number(weight)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f'expected a domain and its weight above 0, such as day=2, got {text!r}'
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    values = vars(make_parser().parse_args(arguments))
    # These imports take seconds, which --help does without.
    from tqdm import tqdm

    from mmtadp.utils.errors import exit_code, same_command
    from projects.shapescenes.captioner.captioner_card import write_captioner_card
    from projects.shapescenes.captioner.captioner_training import train_captioner

    test_scenes, domains = values.pop('test_scenes'), values.pop('domains')
    if domains:
        values['domain_shares'] = dict(domains)
    values['device'] = values['device'] or default_device()

    def run() -> None:
        settings = CaptionerSettings(**values)
        folder = train_captioner(settings)
        if test_scenes:
            watch = partial(tqdm, desc='testing', unit='batch', file=sys.stderr)
            write_captioner_card(folder, settings, test_scenes, watch)
        print(f'Wrote {folder}. Use it with tools/captions/generate.py --model {folder}.')

    return exit_code(run, same_command(values['overwrite']))


if __name__ == '__main__':
    sys.exit(main())
