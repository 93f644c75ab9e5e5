"""What the command lines of the trainings have in common."""

import argparse
import dataclasses

import torch


def add_run_arguments(
    parser: argparse.ArgumentParser, settings: type, texts: dict[str, str]
) -> None:
    """Adds where a run is kept, on what it runs, and fields of its settings.

    Args:
        parser (ArgumentParser): What they are added to.
        settings (type): A dataclass with a default for each of those fields.
        texts (dict[str, str]): What to say of each field.
    """
    default = {field.name: field.default for field in dataclasses.fields(settings)}
    parser.add_argument('--out', required=True, metavar='FOLDER', help='where the run is kept')
    for name, text in texts.items():
        parser.add_argument(
            '--' + name.replace('_', '-'),
            type=type(default[name]),
            default=default[name],
            help=f'{text} (default: {default[name]})',
        )
    parser.add_argument(
        '--mixed-precision',
        choices=('no', 'bf16'),
        default='no',
        help='of all but the autoencoder (default: no)',
    )
    parser.add_argument(
        '--device',
        default='cuda' if torch.cuda.is_available() else 'cpu',
        help='where to train (default: a GPU where there is one)',
    )
    parser.add_argument('--overwrite', action='store_true', help='forget an earlier run in --out')
