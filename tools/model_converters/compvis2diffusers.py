"""Write a Stable Diffusion 1.x file in CompVis layout as a diffusers folder.

    python tools/model_converters/compvis2diffusers.py v1-5-pruned-emaonly.safetensors sd15
    python tools/model_converters/compvis2diffusers.py v1-5-pruned.ckpt sd15-ema --ema

It needs no network: the folder includes the tokenizer, the scheduler and the configs.
`StableDiffusionPipeline.from_pretrained('sd15')` and `pretrained='sd15'` in a config load it.
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
        description='Write a Stable Diffusion 1.x file in CompVis layout as a diffusers folder.'
    )
    parser.add_argument('source', type=Path, help='.safetensors or .ckpt file')
    parser.add_argument('target', type=Path, help='folder to write')
    parser.add_argument(
        '--architecture',
        help='a folder with unet/config.json, vae/config.json and text_encoder/config.json '
        '(default: Stable Diffusion 1.5)',
    )
    parser.add_argument(
        '--ema',
        action='store_true',
        help='take the averaged weights of the U-Net from a file that holds both',
    )
    parser.add_argument(
        '--allow-pickle',
        action='store_true',
        help='read a file that holds more than tensors, which executes the code in it',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace the target')
    return parser


def convert(args: argparse.Namespace) -> None:
    """Convert, and print the destination of each tensor."""
    from mmtadp.converters import single_file_to_folder

    report = single_file_to_folder(**vars(args))
    print('\n'.join([*report.lines(), f'written to {args.target}']))


def main() -> int:
    """Convert as the command line asks; return the exit code."""
    args = make_parser().parse_args()
    # After the arguments, since this import takes seconds.
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: convert(args))


if __name__ == '__main__':
    sys.exit(main())
