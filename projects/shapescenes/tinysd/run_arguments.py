"""Command-line arguments that the trainings share."""

import argparse
import dataclasses

# Of `tools/`, which the tools of this project put on the path.
from _arguments import device, new_folder, non_negative, positive, positive_number, seed

_TYPES = {'seed': seed, 'workers': non_negative, 'long_share': float}


def add_run_arguments(
    parser: argparse.ArgumentParser, settings: type, texts: dict[str, str]
) -> None:
    """Add the arguments of a run: its folder, its device and fields of its settings.

    Args:
        parser (ArgumentParser): The parser.
        settings (type): Dataclass of the settings, with a default for each of these fields.
        texts (dict[str, str]): Help text of each field.
    """
    kinds = {int: positive, float: positive_number}
    default = {field.name: field.default for field in dataclasses.fields(settings)}
    parser.add_argument(
        '--out', type=new_folder, required=True, metavar='FOLDER', help='folder of the run'
    )
    for name, text in texts.items():
        parser.add_argument(
            '--' + name.replace('_', '-'),
            type=_TYPES.get(name, kinds[type(default[name])]),
            default=default[name],
            help=f'{text} (default: {default[name]})',
        )
    parser.add_argument(
        '--mixed-precision',
        choices=('no', 'bf16'),
        default='no',
        help='precision of all parts but the autoencoder (default: no)',
    )
    parser.add_argument(
        '--device', type=device, help='default: a GPU if there is one, otherwise the CPU'
    )
    parser.add_argument('--overwrite', action='store_true', help='discard an earlier run in --out')


def default_device() -> str:
    """Return ``cuda`` if there is a GPU, otherwise ``cpu``."""
    import torch  # Takes seconds, which --help does without.

    return 'cuda' if torch.cuda.is_available() else 'cpu'
