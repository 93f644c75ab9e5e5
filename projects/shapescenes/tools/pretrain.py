"""Pretrain TinySD: a small latent diffusion model of ShapeScenes, text encoder included.

    python projects/shapescenes/tools/pretrain.py --out work_dirs/tinysd

The result is the diffusers folder OUT/tinysd with a model card of its measurements. OUT also has a
folder for each of the two stages (autoencoder, denoiser) with log.jsonl, samples/ and
checkpoint.pt. After an interruption of any kind, the same command continues from the checkpoint.

Exit codes: 0 done, 1 unexpected error, 2 user error (the message says how to fix it),
130 interrupted (Ctrl-C), 143 terminated.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

# To import `projects`; an installed mmtadp comes first. `tools` holds what all tools share.
sys.path.append(str(Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / 'tools'))

# Before torch is imported. Threads that wait otherwise keep their cores busy.
os.environ.setdefault('GOMP_SPINCOUNT', '1000')

from _arguments import Parser

from projects.shapescenes.tinysd.pretraining_settings import PretrainingSettings
from projects.shapescenes.tinysd.run_arguments import add_run_arguments, default_device

_NUM_TESTED = 200


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = Parser(description='Pretrain a small diffusion model.')
    texts = dict(
        scenes='training scenes',
        size='height and width of the images in pixels, a multiple of 64',
        autoencoder_steps='steps of the first stage',
        autoencoder_batch_size='images per step of the first stage',
        autoencoder_learning_rate='learning rate of the first stage',
        steps='steps of the second stage; the learning rate falls in the last quarter',
        batch_size='latents per step of the second stage',
        learning_rate='learning rate of the second stage',
        seed='seed of weights and batches',
        workers='processes that render scenes; 0 uses this one',
        checkpoint_every='steps between checkpoints and samples',
    )
    add_run_arguments(parser, PretrainingSettings, texts)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    values = vars(make_parser().parse_args(arguments))
    # These imports take seconds, which --help does without.
    from tqdm import tqdm

    from mmtadp.utils.errors import exit_code, same_command
    from projects.shapescenes.tinysd.pretraining import pretrain
    from projects.shapescenes.tinysd.tinysd_card import write_tinysd_card

    values['device'] = values['device'] or default_device()

    def run() -> None:
        settings = PretrainingSettings(**values)
        folder = pretrain(settings)
        write_tinysd_card(folder, settings, _NUM_TESTED, partial(tqdm, desc='testing'))
        print(f"Wrote {folder}. Set pretrained='{folder}' in a config to use it.")

    return exit_code(run, same_command(values['overwrite']))


if __name__ == '__main__':
    sys.exit(main())
