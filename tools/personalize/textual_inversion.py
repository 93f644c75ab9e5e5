"""Learn a token for the domain of some images (textual inversion).

    python tools/personalize/textual_inversion.py data/night/images --out data/tokens/night \\
        --token '<night>' --initializer night --templates photo

The result is OUT/learned_embeds.safetensors, in diffusers' format. OUT also holds log.jsonl (the
loss of each step), validation/ (images) and checkpoint.pt. The same command continues an
interrupted run from this checkpoint.

Exit codes: 0 done, 1 unexpected error, 2 user error (the message describes how to fix it), 130
interrupted (Ctrl-C), 143 terminated.
"""

import argparse
import sys
from pathlib import Path

from _training_arguments import (
    add_common_arguments,
    new_parser,
    positive,
    positive_number,
    run,
)

# Keys of mmtadp.personalization.TEMPLATES.
TEMPLATES = ('style', 'painting', 'photo', 'object')


def _templates(text: str) -> str | tuple[str, ...]:
    if text in TEMPLATES:
        return text
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f'{text!r} is neither {", ".join(TEMPLATES)} nor a file')
    from mmtadp.utils.errors import RunError
    from mmtadp.utils.text_files import read_lines

    try:
        return tuple(read_lines(text))
    except RunError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = new_parser('Learn a token for a domain from its images.')
    parser.add_argument('--token', required=True, help="name in captions, such as '<night>'")
    parser.add_argument(
        '--initializer', required=True, help='word whose embedding the token starts from'
    )
    parser.add_argument('--num-vectors', type=positive, help='vectors of the token (default: 1)')
    parser.add_argument(
        '--templates',
        type=_templates,
        help=f'training captions: {", ".join(TEMPLATES)}, or a text file with one per line, each '
        'with {token} in it (default: style)',
    )
    parser.add_argument(
        '--steps',
        type=positive,
        help="optimiser steps: 3000 in the paper's Table S4 (default), 1000 in its Sec. D.1",
    )
    parser.add_argument(
        '--learning-rate', type=positive_number, help='constant (default: 5e-4, as in the paper)'
    )
    add_common_arguments(parser, accumulate=4, flip=0.5)
    return parser


if __name__ == '__main__':
    sys.exit(run(make_parser(), 'TextualInversion'))
