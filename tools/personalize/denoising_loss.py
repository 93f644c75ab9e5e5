"""Compare how well prompts fit images, by the denoising loss under each.

    python tools/personalize/denoising_loss.py data/night/held_out --prompts '' 'a night photo' \\
        'a <night> photo' --learned-embeds data/tokens/night/learned_embeds.safetensors

Images, noise and timesteps are the same for all prompts; differences are to the first.
"""

import argparse
import sys
from pathlib import Path

# The folder above holds what the tools share.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _arguments import Parser, device, positive, seed  # noqa: E402


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description='Compare the denoising loss under prompts.')
    parser.add_argument('images', help='folder of images that nothing was learned from')
    parser.add_argument('--prompts', nargs='+', required=True, help="prompts; '' is the null text")
    parser.add_argument(
        '--pretrained',
        help='hub id, diffusers folder or single file (default: Stable Diffusion 1.5)',
    )
    parser.add_argument('--architecture', help='architecture of a single file')
    parser.add_argument(
        '--unet', help="DreamBooth's U-Net, which replaces the one of --pretrained"
    )
    parser.add_argument('--learned-embeds', nargs='+', default=(), metavar='FILE')
    parser.add_argument('--resolution', type=positive, default=512)
    parser.add_argument(
        '--draws', type=positive, default=8, help='noise samples of each image (default: 8)'
    )
    parser.add_argument('--seed', type=seed, default=0)
    parser.add_argument('--device', type=device, help='default: a GPU if there is one')
    return parser


def compare(args: argparse.Namespace) -> None:
    """Compare as the command line asks, and print a table.

    Raises:
        RunError: If images, prompts and files are inconsistent.
    """
    import torch

    from mmtadp.models.diffusion.loading import DEFAULT_HUB_ID
    from mmtadp.personalization import compare_prompts

    args.pretrained = args.pretrained or DEFAULT_HUB_ID
    args.device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    found = compare_prompts(**vars(args))
    print('loss      difference           prompt')
    for row in found:
        print(f'{row.loss:.5f}  {row.difference:+.5f} ± {row.error:.5f}  {row.prompt!r}')


def main() -> int:
    """Compare, and return the exit code."""
    args = make_parser().parse_args()
    # After the arguments, since this import takes seconds.
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: compare(args))


if __name__ == '__main__':
    sys.exit(main())
