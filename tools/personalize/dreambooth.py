"""Tunes the U-Net to the domain of some images (DreamBooth).

    python tools/personalize/dreambooth.py data/night/images --out data/dreambooth/night \\
        --prompt 'an image in sks style'

The result is the folder OUT/unet, in diffusers' format. Beside it are log.jsonl (the loss of each
step), validation/ (pictures) and checkpoint.pt, from which the same command continues a run that
was interrupted in any way, and which may be deleted when it is done: of Stable Diffusion 1.5 it
has 10 GB.

Exit codes: 0 done, 1 an error nobody foresaw, 2 one that you can put right, and the message says
how, 130 interrupted (Ctrl-C), 143 terminated.
"""

import argparse
import dataclasses
import sys

from mmtadp.personalization import DreamBooth, DreamBoothSettings
from mmtadp.personalization.command_line import add_common_arguments, run_command


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    defaults = {field.name: field.default for field in dataclasses.fields(DreamBoothSettings)}
    parser = argparse.ArgumentParser(description='Tune the U-Net to a domain by its images.')
    parser.add_argument(
        '--prompt',
        default=defaults['prompt'],
        help='caption of all images, with a rare word that comes to mean their domain '
        "(default: '%(default)s')",
    )
    parser.add_argument(
        '--steps',
        type=int,
        default=defaults['steps'],
        help='optimiser steps: 1000 in the paper (default), 500 for Dark Zurich in its Sec. D.1',
    )
    parser.add_argument(
        '--learning-rate',
        type=float,
        default=defaults['learning_rate'],
        help="constant: 5e-6 in the paper's Table S4 (default), 2e-6 in its Sec. D.1",
    )
    group = parser.add_argument_group('prior preservation')
    group.add_argument(
        '--class-prompt',
        help="turns it on: caption of pictures that the model itself makes, 'an image', say "
        '(the paper is of two minds: 200 of them in Table S4, none in Sec. D.1)',
    )
    group.add_argument('--class-images', type=int, default=200, help='how many (default: 200)')
    group.add_argument(
        '--class-folder', help='where they are or go to (default: OUT/class_images)'
    )
    group.add_argument(
        '--prior-weight', type=float, default=1.0, help='of their loss (default: 1)'
    )
    add_common_arguments(parser, DreamBoothSettings)
    return parser


if __name__ == '__main__':
    sys.exit(run_command(make_parser(), DreamBooth, DreamBoothSettings))
