"""Says how well prompts fit images: the denoising loss under each.

    python tools/personalize/denoising_loss.py data/night/held_out --prompts '' 'a night photo' \\
        'a <night> photo' --learned-embeds data/tokens/night/learned_embeds.safetensors

Images, noise and timesteps are the same for all prompts; differences are to the first.
"""

import argparse
import sys

import torch

from mmtadp.personalization import compare_prompts
from mmtadp.utils.resumable import RunError


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Compare the denoising loss under prompts.')
    parser.add_argument('images', help='folder of images that nothing was learned from')
    parser.add_argument('--prompts', nargs='+', required=True, help="'' is the null text")
    parser.add_argument(
        '--pretrained',
        default='stable-diffusion-v1-5/stable-diffusion-v1-5',
        help='hub id, diffusers folder or single file (default: %(default)s)',
    )
    parser.add_argument('--architecture', help='of a single file')
    parser.add_argument('--unet', help='a U-Net of DreamBooth in place of its own')
    parser.add_argument('--learned-embeds', nargs='+', default=(), metavar='FILE')
    parser.add_argument('--resolution', type=int, default=512)
    parser.add_argument('--draws', type=int, default=8, help='of each image (default: 8)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    return parser


def main() -> int:
    """Entry point; returns the exit code."""
    try:
        found = compare_prompts(**vars(make_parser().parse_args()))
    except RunError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print('loss      difference           prompt')
    for row in found:
        print(f'{row.loss:.5f}  {row.difference:+.5f} ± {row.error:.5f}  {row.prompt!r}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
