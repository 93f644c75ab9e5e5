"""What the command lines of textual inversion and DreamBooth have in common."""

import argparse
import dataclasses

from mmtadp.models.diffusion.loading import DEFAULT_HUB_ID
from mmtadp.utils.resumable import exit_code

from .concept import Concept
from .settings import PRECISIONS, Settings
from .training import personalize


def add_common_arguments(parser: argparse.ArgumentParser, settings: type[Settings]) -> None:
    """Adds an argument for each field of :class:`.Settings`, with its method's default."""
    default = {field.name: field.default for field in dataclasses.fields(settings)}

    def add(group, name: str, kind: type, text: str) -> None:
        group.add_argument(
            '--' + name.replace('_', '-'),
            type=kind,
            default=default[name],
            help=f'{text} (default: {default[name]})',
        )

    parser.add_argument('images', help='folder of images of the domain, without labels')
    parser.add_argument('--out', required=True, metavar='FOLDER', help='where results go')
    parser.add_argument(
        '--pretrained',
        default=DEFAULT_HUB_ID,
        help='hub id, diffusers folder, or single .safetensors or .ckpt file in CompVis layout '
        '(default: %(default)s)',
    )
    parser.add_argument('--architecture', help='of a single file (default: Stable Diffusion 1.5)')
    parser.add_argument('--overwrite', action='store_true', help='forget an earlier run in --out')

    group = parser.add_argument_group('training')
    for name, kind, text in (
        ('batch_size', int, 'images per process and forward pass'),
        ('accumulate', int, 'forward passes per step'),
        ('warmup_steps', int, 'steps in which the learning rate rises'),
        ('weight_decay', float, "AdamW's"),
        ('max_grad_norm', float, 'gradients are clipped to it; 0: not'),
        ('resolution', int, 'height and width of a crop'),
        ('flip', float, 'probability of a mirror image'),
        ('seed', int, 'same seed, same draws, on any machine'),
        ('checkpoint_every', int, 'steps between checkpoints'),
    ):
        add(group, name, kind, text)
    group.add_argument(
        '--center-crop',
        dest='random_crop',
        action='store_false',
        help='cut the middle of an image instead of drawing where',
    )
    group.add_argument('--mixed-precision', choices=PRECISIONS, default='no')
    group.add_argument('--gradient-checkpointing', action='store_true', help='less memory')
    group.add_argument('--adam-8bit', action='store_true', help='needs bitsandbytes')
    group.add_argument('--cpu', action='store_true', help='even if there is a GPU')

    group = parser.add_argument_group('validation pictures')
    group.add_argument('--validation-prompts', nargs='+', default=(), metavar='PROMPT')
    for name, kind, text in (
        ('validation_every', int, 'steps between pictures'),
        ('validation_pictures', int, 'pictures of each prompt'),
        ('sampling_steps', int, 'DDIM steps of a picture'),
        ('guidance', float, 'scale of classifier-free guidance'),
    ):
        add(group, name, kind, text)


def run_command(
    parser: argparse.ArgumentParser, method: type[Concept], settings: type[Settings]
) -> int:
    """Parses the command line, runs, says how to use the result; returns the exit code."""
    args = vars(parser.parse_args())
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in args.items()}

    def run() -> None:
        summary = personalize(method, settings(**values))
        if summary is not None:
            steps = f'{summary.steps:,} steps, {summary.first:,} of them in earlier runs'
            print(f'{summary.result}: {steps}\n{summary.usage}')

    return exit_code(run, args['overwrite'])
