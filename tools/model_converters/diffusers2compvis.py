"""Write a diffusers folder of Stable Diffusion 1.x as one file in CompVis layout.

    python tools/model_converters/diffusers2compvis.py dreambooth/sks sks.safetensors

The published code of VPD and TADP reads `.ckpt` files only: give the target that suffix for it.
"""

import argparse
import sys
from pathlib import Path

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import Parser  # noqa: E402


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description='Write a diffusers folder of Stable Diffusion 1.x as one CompVis file.'
    )
    parser.add_argument('source', type=Path, help='diffusers folder')
    parser.add_argument('target', type=Path, help='.safetensors or .ckpt file to write')
    parser.add_argument('--half', action='store_true', help='write float16 instead of float32')
    parser.add_argument('--overwrite', action='store_true', help='replace the target')
    return parser


def convert(args: argparse.Namespace) -> None:
    """Convert, and print the destination of each tensor."""
    from mmtadp.converters import folder_to_single_file

    report = folder_to_single_file(**vars(args))
    print('\n'.join([*report.lines(), f'written to {args.target}']))


def main() -> int:
    """Convert as the command line asks; return the exit code."""
    args = make_parser().parse_args()
    # After the arguments, since this import takes seconds.
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: convert(args))


if __name__ == '__main__':
    sys.exit(main())
