"""Pretrains TinySD: a small latent diffusion model of ShapeScenes, text encoder included.

    python projects/shapescenes/tools/pretrain.py --out work_dirs/tinysd

The result is the diffusers folder OUT/tinysd, with a model card of what was measured of it. Beside
it are, for each of the two stages (autoencoder, denoiser), log.jsonl, samples/ and checkpoint.pt,
from which the same command continues a run that was interrupted in any way.

Exit codes: 0 done, 1 an error nobody foresaw, 2 one that you can put right, and the message says
how, 130 interrupted (Ctrl-C), 143 terminated.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

# `projects` is found from the root; an installed mmtadp comes first.
sys.path.append(str(Path(__file__).resolve().parents[3]))

# Before torch; see projects/shapescenes/tools/demo.py.
os.environ.setdefault('GOMP_SPINCOUNT', '1000')

from tqdm import tqdm

from mmtadp.utils.resumable import exit_code
from projects.shapescenes.tinysd import PretrainingSettings, pretrain
from projects.shapescenes.tinysd.run_arguments import add_run_arguments
from projects.shapescenes.tinysd.tinysd_card import write_tinysd_card

_NUM_TESTED = 200


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Pretrain a small diffusion model.')
    texts = dict(
        scenes='scenes to learn from',
        size='their height and width in pixels, a multiple of 64',
        autoencoder_steps='steps of the first stage',
        autoencoder_batch_size='its pictures per step',
        autoencoder_learning_rate='its rate between warm-up and decay',
        steps='steps of the second stage; its rate falls in the last quarter of them',
        batch_size='its latents per step',
        learning_rate='its rate between warm-up and decay',
        seed='of weights and draws',
        workers='processes that draw scenes; 0: none besides this one',
        checkpoint_every='steps between checkpoints and samples',
    )
    add_run_arguments(parser, PretrainingSettings, texts)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    settings = vars(make_parser().parse_args(arguments))

    def run() -> None:
        made = PretrainingSettings(**settings)
        folder = pretrain(made)
        write_tinysd_card(folder, made, _NUM_TESTED, partial(tqdm, desc='testing'))
        print(f'Wrote {folder}; a config names it as pretrained.')

    return exit_code(run, settings['overwrite'])


if __name__ == '__main__':
    sys.exit(main())
