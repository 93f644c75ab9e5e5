"""Measure what a diffusion model of ShapeScenes has learned from captions.

    python projects/shapescenes/tools/evaluate.py work_dirs/tinysd/tinysd

Prints the denoising losses of held-out scenes with their own caption, with the empty caption and
with the caption of another scene, and the share of a word's attention that lies on the object it
names. With --out, also writes them as JSON.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

# To import `projects`; an installed mmtadp comes first. `tools` holds what all tools share.
sys.path.append(str(Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / 'tools'))

from _arguments import Parser, device, new_file, positive

from projects.shapescenes.tinysd.run_arguments import default_device


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = Parser(
        description='Measure what a diffusion model of ShapeScenes has learned from captions.'
    )
    parser.add_argument('pretrained', help='diffusers folder')
    parser.add_argument(
        '--scenes', type=positive, default=200, help='held-out scenes (default: 200)'
    )
    parser.add_argument(
        '--draws', type=positive, default=4, help='noise samples per scene (default: 4)'
    )
    parser.add_argument('--seeds', type=positive, default=3, help='sets of noise (default: 3)')
    parser.add_argument('--out', type=new_file, metavar='FILE', help='JSON file to write')
    parser.add_argument(
        '--device', type=device, help='default: a GPU if there is one, otherwise the CPU'
    )
    return parser


def evaluate(args: argparse.Namespace) -> None:
    """Measure as the command line asks, and print and write the figures.

    Raises:
        RunError: If the model cannot be loaded, or the scenes are too few.
    """
    from tqdm import tqdm

    from mmtadp.utils.atomic_files import write_json
    from projects.shapescenes.tinysd.text_evaluation import (
        attention_shares,
        caption_losses,
        evaluation_figures,
    )

    device = args.device or default_device()
    losses = caption_losses(
        args.pretrained,
        args.scenes,
        args.draws,
        args.seeds,
        device=device,
        progress=partial(tqdm, unit='batch', desc='losses', file=sys.stderr),
    )
    shares = attention_shares(
        args.pretrained,
        args.scenes,
        device=device,
        progress=partial(tqdm, unit='scene', desc='attention', file=sys.stderr),
    )
    figures = evaluation_figures(losses, shares)
    print(json.dumps(figures, indent=2))
    if args.out:
        write_json(Path(args.out), figures)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    args = make_parser().parse_args(arguments)
    # This import takes seconds, which --help does without.
    from mmtadp.utils.errors import exit_code

    return exit_code(lambda: evaluate(args))


if __name__ == '__main__':
    sys.exit(main())
