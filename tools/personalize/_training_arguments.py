"""Arguments of textual inversion and DreamBooth.

Each argument is a field of the method's settings. Arguments that are not given are left out of the
parsed namespace, so that the settings' own defaults apply; the library is imported only after the
arguments are parsed, since that takes seconds.
"""

import argparse
import math
import sys
from pathlib import Path

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import (  # noqa: E402, F401  (the methods' tools import them from here)
    Parser,
    fraction,
    new_folder,
    non_negative,
    non_negative_number,
    number,
    positive,
    positive_number,
    seed,
)

PRECISIONS = ('no', 'fp16', 'bf16')


def new_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser that leaves out arguments that are not given."""
    return Parser(description=description, argument_default=argparse.SUPPRESS, allow_abbrev=False)


def add_common_arguments(parser: argparse.ArgumentParser, **defaults: object) -> None:
    """Add the arguments that both methods share.

    Args:
        parser (ArgumentParser): The parser.
        defaults (object): The method's defaults where they differ, for the help texts.
    """
    parser.add_argument('images', help='folder of images of the domain, without labels')
    parser.add_argument(
        '--out', type=new_folder, required=True, metavar='FOLDER', help='folder of the results'
    )
    parser.add_argument(
        '--pretrained',
        help='hub id, diffusers folder, or single .safetensors or .ckpt file in CompVis layout '
        '(default: Stable Diffusion 1.5 from the hub)',
    )
    parser.add_argument(
        '--architecture', help='architecture of a single file (default: Stable Diffusion 1.5)'
    )
    parser.add_argument('--overwrite', action='store_true', help='discard an earlier run in --out')

    group = parser.add_argument_group('training')
    for name, kind, default, text in (
        ('batch-size', positive, 1, 'images per process and forward pass'),
        ('accumulate', positive, 1, 'forward passes per step'),
        ('warmup-steps', non_negative, 0, 'steps in which the learning rate rises'),
        ('weight-decay', non_negative_number, 0.01, 'weight decay of AdamW'),
        ('max-grad-norm', non_negative_number, 0.0, 'largest norm of the gradients; 0: no limit'),
        ('resolution', positive, 512, 'height and width of a crop'),
        ('flip', fraction, 0.0, 'probability of a mirror image'),
        ('seed', seed, 0, 'the same seed gives the same draws on any machine'),
        ('checkpoint-every', positive, 500, 'steps between checkpoints'),
    ):
        default = defaults.get(name.replace('-', '_'), default)
        group.add_argument(f'--{name}', type=kind, help=f'{text} (default: {default})')
    group.add_argument(
        '--center-crop',
        dest='random_crop',
        action='store_false',
        help='crop the middle of an image instead of a random part',
    )
    group.add_argument(
        '--mixed-precision', choices=PRECISIONS, help='precision of the U-Net (default: no)'
    )
    group.add_argument('--gradient-checkpointing', action='store_true', help='use less memory')
    group.add_argument(
        '--adam-8bit', action='store_true', help='8-bit optimiser state; needs bitsandbytes'
    )
    group.add_argument('--cpu', action='store_true', help='use the CPU even if there is a GPU')

    group = parser.add_argument_group('validation images')
    group.add_argument(
        '--validation-prompts', nargs='+', metavar='PROMPT', help='prompts (default: none)'
    )
    finite = number(-math.inf)
    for name, kind, default, text in (
        ('validation-every', positive, 500, 'steps between validations'),
        ('validation-images', positive, 4, 'images of each prompt'),
        ('sampling-steps', positive, 30, 'DDIM steps of an image'),
        ('guidance', finite, 7.5, 'scale of classifier-free guidance'),
    ):
        group.add_argument(f'--{name}', type=kind, help=f'{text} (default: {default})')


def run(parser: argparse.ArgumentParser, method: str) -> int:
    """Parse the command line, train, print how to use the result, and return the exit code.

    Args:
        parser (ArgumentParser): The parser.
        method (str): Name of the method in :mod:`mmtadp.personalization`.
    """
    args = vars(parser.parse_args())
    from mmtadp import personalization
    from mmtadp.utils.errors import exit_code, same_command

    values = {name: tuple(v) if isinstance(v, list) else v for name, v in args.items()}

    def train() -> None:
        settings = getattr(personalization, f'{method}Settings')(**values)
        summary = personalization.personalize(getattr(personalization, method), settings)
        if summary is not None:
            steps = f'{summary.steps:,} steps, {summary.first:,} of them in earlier runs'
            print(f'{summary.result}: {steps}\n{summary.usage}')

    return exit_code(train, same_command(args.get('overwrite', False)))
