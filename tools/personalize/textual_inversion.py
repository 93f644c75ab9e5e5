"""Learns a token for the domain of some images (textual inversion).

    python tools/personalize/textual_inversion.py data/night/images --out data/tokens/night \\
        --token '<night>' --initializer night --templates photo

The result is OUT/learned_embeds.safetensors, in diffusers' format. Beside it are log.jsonl (the
loss of each step), validation/ (pictures) and checkpoint.pt, from which the same command continues
a run that was interrupted in any way.

Exit codes: 0 done, 1 an error nobody foresaw, 2 one that you can put right, and the message says
how, 130 interrupted (Ctrl-C), 143 terminated.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

from mmtadp.personalization import TEMPLATES, TextualInversion, TextualInversionSettings
from mmtadp.personalization.command_line import add_common_arguments, run_command


def _templates(text: str) -> tuple[str, ...]:
    if text in TEMPLATES:
        return TEMPLATES[text]
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f'{text!r} is neither {", ".join(TEMPLATES)} nor a file')
    return tuple(line.strip() for line in Path(text).read_text().splitlines() if line.strip())


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    defaults = {
        field.name: field.default for field in dataclasses.fields(TextualInversionSettings)
    }
    parser = argparse.ArgumentParser(description='Learn a token for a domain from its images.')
    parser.add_argument('--token', required=True, help="how captions will write it: '<night>'")
    parser.add_argument(
        '--initializer', required=True, help='word whose embedding the token starts from'
    )
    parser.add_argument(
        '--num-vectors', type=int, default=1, help='vectors of the token (default: 1)'
    )
    parser.add_argument(
        '--templates',
        type=_templates,
        default='style',
        help=f'training captions: {", ".join(TEMPLATES)}, or a text file with one per line, each '
        'with {token} in it (default: style)',
    )
    parser.add_argument(
        '--steps',
        type=int,
        default=defaults['steps'],
        help="optimiser steps: 3000 in the paper's Table S4 (default), 1000 in its Sec. D.1",
    )
    parser.add_argument(
        '--learning-rate',
        type=float,
        default=defaults['learning_rate'],
        help='constant (default: 5e-4, as in the paper)',
    )
    add_common_arguments(parser, TextualInversionSettings)
    return parser


if __name__ == '__main__':
    sys.exit(run_command(make_parser(), TextualInversion, TextualInversionSettings))
