"""Write a diffusers folder of Stable Diffusion 1.x as one file in CompVis layout.

    python tools/model_converters/diffusers2compvis.py dreambooth/sks sks.safetensors

The published code of VPD and TADP reads `.ckpt` files only: give the target that suffix for it.
"""

import argparse
from pathlib import Path


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description='Write a diffusers folder of Stable Diffusion 1.x as one CompVis file.'
    )
    parser.add_argument('source', type=Path, help='diffusers folder')
    parser.add_argument('target', type=Path, help='.safetensors or .ckpt file to write')
    parser.add_argument('--half', action='store_true', help='write float16 instead of float32')
    parser.add_argument('--overwrite', action='store_true', help='replace the target')
    return parser


def main() -> None:
    """Convert as the command line asks."""
    parser = make_parser()
    args = parser.parse_args()
    # After the arguments, since this import takes seconds.
    from mmtadp.converters import folder_to_single_file

    try:
        report = folder_to_single_file(**vars(args))
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))
    print('\n'.join([*report.lines(), f'written to {args.target}']))


if __name__ == '__main__':
    main()
