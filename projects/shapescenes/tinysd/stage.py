"""A stage of pretraining: the loop that the autoencoder and the denoiser share."""

import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from mmtadp.utils.resumable import Interrupted, RunError, RunFolder, noted_signals

WARMUP_STEPS = 100
DECAY_SHARE = 0.25
"""Share of the steps, at the end, in which the rate falls to zero."""
_MAX_GRAD_NORM = 1.0
_EMA_DECAY = 0.999
_LOG_EVERY = 50


def check_at_least(settings: object, least: dict[str, int]) -> None:
    """Checks fields of settings against their least values.

    Raises:
        RunError: If one is less; the message names its option.
    """
    for name, value in least.items():
        if getattr(settings, name) < value:
            raise RunError(
                f'--{name.replace("_", "-")} is {getattr(settings, name)}; expected at least '
                f'{value}.'
            )


class Stage(ABC):
    """What is trained, and how.

    Args:
        module (nn.Module): What is trained.
        settings (dict): What the course of the run depends on, of JSON types.
        learning_rate (float): AdamW's, after the warm-up and before the decay.
        seed (int): Every draw is a function of it and of the step.
    """

    def __init__(self, module: nn.Module, settings: dict, learning_rate: float, seed: int) -> None:
        self.module, self.settings = module, settings
        self.learning_rate, self.seed = learning_rate, seed
        self.device = next(module.parameters()).device
        # Weights averaged over the last thousand steps or so: less noisy than any single step's.
        self.average = AveragedModel(module, multi_avg_fn=_update_average)

    @abstractmethod
    def losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Losses of a batch drawn by ``generator``; the sum of all is minimised."""

    @abstractmethod
    def show(self, path: Path) -> None:
        """Writes a picture of what the averaged weights have learned."""


def _update_average(
    averages: Iterable[Tensor], values: Iterable[Tensor], num_averaged: Tensor | int
) -> None:
    count = float(num_averaged)
    # The first steps, from random weights, are forgotten sooner.
    decay = min(_EMA_DECAY, (1 + count) / (10 + count))
    torch._foreach_lerp_(list(averages), list(values), 1 - decay)


def train_stage(
    stage: Stage,
    out: Path,
    steps: int,
    checkpoint_every: int,
    overwrite: bool = False,
) -> int:
    """Trains a stage, or continues to.

    Args:
        stage (Stage): The stage; its ``average`` holds the result.
        out (Path): Keeps ``checkpoint.pt``, ``settings.json``, ``log.jsonl`` and ``samples/``.
        steps (int): Optimiser steps. The learning rate falls in the last quarter of them. A run
            may be continued with another number of steps whose last quarter has not begun; a
            rate that was falling then rises again.
        checkpoint_every (int): Steps between checkpoints and pictures.
        overwrite (bool): Forget an earlier run in ``out``.

    Returns:
        int: Steps that an earlier run had done.

    Raises:
        RunError: If ``out`` holds another run, or training diverges.
        Interrupted: If SIGINT or SIGTERM asked the run to stop, when a checkpoint is written.
    """
    folder = RunFolder(str(out), {'stage': type(stage).__name__, **stage.settings}, overwrite)
    optimizer = torch.optim.AdamW(
        stage.module.parameters(), stage.learning_rate, weight_decay=0.01, fused=True
    )
    first = _resume(stage, optimizer, folder, steps)
    progress = tqdm(
        total=steps,
        initial=first,
        desc=type(stage).__name__.lower(),
        unit='step',
        dynamic_ncols=True,
        mininterval=0.5 if sys.stderr.isatty() else 30,
    )
    sums: dict[str, float] = {}
    summed = 0
    since = time.perf_counter()
    with progress, noted_signals() as asked:
        for step in range(first, steps):
            rate = stage.learning_rate * _rate(step, steps)
            for group in optimizer.param_groups:
                group['lr'] = rate
            # On the CPU, where a seed gives the same draws on any machine.
            generator = torch.Generator().manual_seed(stage.seed * 1_000_003 + step)
            losses = stage.losses(generator)
            sum(losses.values()).backward()
            nn.utils.clip_grad_norm_(stage.module.parameters(), _MAX_GRAD_NORM)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            stage.average.update_parameters(stage.module)
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + loss.item()
            summed += 1
            progress.update()
            done = step + 1
            if done % _LOG_EVERY == 0:
                means = {name: value / summed for name, value in sums.items()}
                sums, summed = {}, 0
                _check_finite(means, done, stage.learning_rate)
                now = time.perf_counter()
                folder.append(
                    step=done,
                    seconds=round(now - since, 2),
                    learning_rate=float(f'{rate:.3g}'),
                    **means,
                )
                since = now
                progress.set_postfix({k: f'{v:.4f}' for k, v in means.items()}, refresh=False)
            if asked or done % checkpoint_every == 0 or done == steps:
                _save(stage, optimizer, folder, done, steps)
                if asked:
                    raise Interrupted(done, asked[0])
                stage.show(folder.path / 'samples' / f'{done:06d}.png')
    return first


def _rate(step: int, steps: int) -> float:
    """Factor of the learning rate: a linear warm-up, a plateau, a linear decay."""
    decay = max(1, round(DECAY_SHARE * steps))
    return min(1, (step + 1) / WARMUP_STEPS, (steps - step) / decay)


def _resume(stage: Stage, optimizer: torch.optim.Optimizer, folder: RunFolder, steps: int) -> int:
    state = folder.load()
    folder.start(0 if state is None else state['step'])
    if state is None:
        return 0
    done, planned = state['step'], state['steps']
    decays = steps - round(DECAY_SHARE * steps)
    if planned != steps and done > decays:
        raise RunError(
            f'{folder.path} has done {done} steps of {planned}; of {steps} steps the learning '
            f'rate would be falling since step {decays}. Ask for {planned}, for '
            f'{math.ceil(done / (1 - DECAY_SHARE))} or more, or start anew with --overwrite.'
        )
    stage.module.load_state_dict(state['module'])
    stage.average.load_state_dict(state['average'])
    optimizer.load_state_dict(state['optimizer'])
    return done


def _save(
    stage: Stage,
    optimizer: torch.optim.Optimizer,
    folder: RunFolder,
    done: int,
    steps: int,
) -> None:
    folder.save(
        dict(
            step=done,
            steps=steps,
            module=stage.module.state_dict(),
            average=stage.average.state_dict(),
            optimizer=optimizer.state_dict(),
        )
    )


def _check_finite(losses: dict[str, float], step: int, rate: float) -> None:
    for name, value in losses.items():
        if not math.isfinite(value):
            raise RunError(
                f'{name} is {value} at step {step}: training diverged. Lower the learning rate '
                f'({rate:g}) and start anew with --overwrite.'
            )
