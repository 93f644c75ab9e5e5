"""Trains the captioner of ShapeScenes, which sees a picture and says what is in it.

    python projects/shapescenes/tools/train_captioner.py --out work_dirs/captioner
    python tools/captions/generate.py data/shapescenes/day/images --out captions.json \\
        --model work_dirs/captioner/captioner --min-new-tokens 20

The result is the folder OUT/captioner, with precision and recall of class names on held-out scenes
in its README.md. Beside it are log.jsonl, samples/ and checkpoint.pt, from which the same command
continues a run that was interrupted in any way.

Exit codes: 0 done, 1 an error nobody foresaw, 2 one that you can put right, and the message says
how, 130 interrupted (Ctrl-C), 143 terminated.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

# `projects` is found from the root; an installed mmtadp comes first.
sys.path.append(str(Path(__file__).resolve().parents[3]))

# Before torch; see projects/shapescenes/tools/demo.py.
os.environ.setdefault('GOMP_SPINCOUNT', '1000')

from tqdm import tqdm

from mmtadp.utils.resumable import exit_code
from projects.shapescenes.captioner import CaptionerSettings, train_captioner, write_captioner_card
from projects.shapescenes.tinysd.run_arguments import add_run_arguments


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Train the captioner of ShapeScenes.')
    texts = dict(
        scenes='scenes to learn from',
        steps='optimiser steps; the rate falls in the last quarter of them',
        batch_size='images per step',
        learning_rate='between warm-up and decay',
        long_share='how often a long caption follows a short one',
        seed='of weights and draws',
        workers='processes that draw scenes; 0: none besides this one',
        checkpoint_every='steps between checkpoints and samples',
    )
    add_run_arguments(parser, CaptionerSettings, texts)
    parser.add_argument(
        '--domains',
        nargs='+',
        type=_share,
        metavar='DOMAIN=WEIGHT',
        help='domains to learn, and how many scenes of each (default: day=2 night=1 '
        'watercolor=1 comic=1)',
    )
    parser.add_argument(
        '--test-scenes',
        type=int,
        default=400,
        help='held-out scenes of each domain that the result is tested on; 0: not (default: 400)',
    )
    return parser


def _share(text: str) -> tuple[str, float]:
    domain, _, weight = text.partition('=')
    try:
        return domain, float(weight)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'{text!r}: expected a domain and its weight, such as day=2'
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    values = vars(make_parser().parse_args(arguments))
    test_scenes, domains = values.pop('test_scenes'), values.pop('domains')
    if domains:
        values['domain_shares'] = dict(domains)

    def run() -> None:
        settings = CaptionerSettings(**values)
        folder = train_captioner(settings)
        if test_scenes:
            watch = partial(tqdm, desc='testing', unit='batch', file=sys.stderr)
            write_captioner_card(folder, settings, test_scenes, watch)
        print(f'Wrote {folder}; tools/captions/generate.py takes it as --model.')

    return exit_code(run, values['overwrite'])


if __name__ == '__main__':
    sys.exit(main())
