"""Measures whether a model of ShapeScenes has learned what captions say.

    python projects/shapescenes/tools/evaluate.py work_dirs/tinysd/tinysd

Prints denoising losses of held-out scenes under their own caption, under none and under another
scene's, and how much of a word's attention lies on what it names. With --out, writes them as JSON.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

# `projects` is found from the root; an installed mmtadp comes first.
sys.path.append(str(Path(__file__).resolve().parents[3]))

import torch
from tqdm import tqdm

from mmtadp.utils.atomic_files import write_json
from mmtadp.utils.resumable import RunError
from projects.shapescenes.tinysd.text_evaluation import (
    attention_shares,
    caption_losses,
    evaluation_figures,
)


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Has a diffusion model learned ShapeScenes?')
    parser.add_argument('pretrained', help='diffusers folder')
    parser.add_argument('--scenes', type=int, default=200, help='held-out scenes (default: 200)')
    parser.add_argument(
        '--draws', type=int, default=4, help='timesteps of each scene (default: 4)'
    )
    parser.add_argument('--seeds', type=int, default=3, help='sets of noise (default: 3)')
    parser.add_argument('--out', metavar='FILE', help='JSON file to write')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    args = make_parser().parse_args(arguments)
    watch = partial(tqdm, unit='batch', file=sys.stderr)
    try:
        losses = caption_losses(
            args.pretrained,
            args.scenes,
            args.draws,
            args.seeds,
            device=args.device,
            progress=partial(watch, desc='losses'),
        )
    except RunError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    shares = attention_shares(
        args.pretrained,
        args.scenes,
        device=args.device,
        progress=partial(tqdm, unit='scene', desc='attention', file=sys.stderr),
    )
    figures = evaluation_figures(losses, shares)
    print(json.dumps(figures, indent=2))
    if args.out:
        write_json(Path(args.out), figures)
    return 0


if __name__ == '__main__':
    sys.exit(main())
