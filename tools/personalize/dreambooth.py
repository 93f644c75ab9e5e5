"""Tune the U-Net to the domain of some images (DreamBooth).

    python tools/personalize/dreambooth.py data/night/images --out data/dreambooth/night \\
        --prompt 'an image in sks style'

The result is the folder OUT/unet, in diffusers' format. OUT also holds log.jsonl (the loss of each
step), validation/ (images) and checkpoint.pt. The same command continues an interrupted run from
this checkpoint. It may be deleted after the run; for Stable Diffusion 1.5 it takes 10 GB.

Exit codes: 0 done, 1 unexpected error, 2 user error (the message describes how to fix it), 130
interrupted (Ctrl-C), 143 terminated.
"""

import argparse
import sys

from _training_arguments import (
    add_common_arguments,
    new_folder,
    new_parser,
    non_negative_number,
    positive,
    positive_number,
    run,
)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = new_parser('Tune the U-Net to a domain by its images.')
    parser.add_argument(
        '--prompt',
        help='caption of all images, with a rare word that comes to mean their domain '
        "(default: 'an image in sks style')",
    )
    parser.add_argument(
        '--steps',
        type=positive,
        help='optimiser steps: 1000 in the paper (default), 500 for Dark Zurich in its Sec. D.1',
    )
    parser.add_argument(
        '--learning-rate',
        type=positive_number,
        help="constant: 5e-6 in the paper's Table S4 (default), 2e-6 in its Sec. D.1",
    )
    group = parser.add_argument_group('prior preservation')
    group.add_argument(
        '--class-prompt',
        help="turn it on: caption of images that the model itself generates, e.g. 'an image' "
        '(the paper contradicts itself: 200 of them in Table S4, none in Sec. D.1)',
    )
    group.add_argument('--class-images', type=positive, help='number of images (default: 200)')
    group.add_argument(
        '--class-folder',
        type=new_folder,
        help='folder of these images; missing ones are generated (default: OUT/class_images)',
    )
    group.add_argument(
        '--prior-weight', type=non_negative_number, help='weight of their loss (default: 1)'
    )
    add_common_arguments(parser, max_grad_norm=1.0)
    return parser


if __name__ == '__main__':
    sys.exit(run(make_parser(), 'DreamBooth'))
