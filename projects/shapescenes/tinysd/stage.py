"""A stage of pretraining: the loop that the autoencoder and the denoiser share."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from mmtadp.utils.errors import RunError
from mmtadp.utils.resumable import RunFolder
from mmtadp.utils.resumable.training import check_finite, run_steps
from mmtadp.utils.seeding import numbered_generator

WARMUP_STEPS = 100
DECAY_SHARE = 0.25
"""Share of the steps, at the end, in which the rate falls to zero."""
_MAX_GRAD_NORM = 1.0
_EMA_DECAY = 0.999
_LOG_EVERY = 50


def check_at_least(settings: object, least: dict[str, int]) -> None:
    """Check fields of settings against their least values.

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
    def draw_samples(self, path: Path) -> None:
        """Write an image that the averaged weights generate."""


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
    """Train a stage, or continue its training.

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
    identity = {'stage': type(stage).__name__, **stage.settings}
    with RunFolder(str(out), identity, overwrite) as folder:
        return _train(stage, folder, steps, checkpoint_every)


def _train(stage: Stage, folder: RunFolder, steps: int, checkpoint_every: int) -> int:
    optimizer = torch.optim.AdamW(
        stage.module.parameters(), stage.learning_rate, weight_decay=0.01, fused=True
    )
    first = _resume(stage, optimizer, folder, steps)
    log = _MeanLog(folder, stage.learning_rate)

    def step(number: int) -> dict[str, float]:
        rate = stage.learning_rate * _rate(number, steps)
        for group in optimizer.param_groups:
            group['lr'] = rate
        losses = stage.losses(numbered_generator(stage.seed, number))
        sum(losses.values()).backward()
        nn.utils.clip_grad_norm_(stage.module.parameters(), _MAX_GRAD_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        stage.average.update_parameters(stage.module)
        return log.add(number + 1, rate, losses)

    def after(done: int) -> None:
        if done % checkpoint_every == 0 or done == steps:
            stage.draw_samples(folder.path / 'samples' / f'{done:06d}.png')

    def save(done: int) -> None:
        _save(stage, optimizer, folder, done, steps)

    name = type(stage).__name__.lower()
    run_steps(step, save, first, steps, checkpoint_every, name, after)
    return first


class _MeanLog:
    """Log the mean of the losses every :data:`_LOG_EVERY` steps."""

    def __init__(self, folder: RunFolder, learning_rate: float) -> None:
        self.folder, self.learning_rate = folder, learning_rate
        self.sums: dict[str, float] = {}
        self.count, self.since = 0, time.perf_counter()

    def add(self, done: int, rate: float, losses: dict[str, Tensor]) -> dict[str, float]:
        """Add the losses of a step; return the means if they were logged."""
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + loss.item()
        self.count += 1
        if done % _LOG_EVERY:
            return {}
        means = {name: value / self.count for name, value in self.sums.items()}
        check_finite(means, done, f'Lower the learning rate ({self.learning_rate:g}).')
        now = time.perf_counter()
        self.folder.append(
            step=done,
            seconds=round(now - self.since, 2),
            learning_rate=float(f'{rate:.3g}'),
            **means,
        )
        self.sums, self.count, self.since = {}, 0, now
        return means


def _rate(step: int, steps: int) -> float:
    """Factor of the learning rate: a linear warm-up, a plateau, a linear decay."""
    decay = max(1, round(DECAY_SHARE * steps))
    return min(1, (step + 1) / WARMUP_STEPS, (steps - step) / decay)


def _resume(stage: Stage, optimizer: torch.optim.Optimizer, folder: RunFolder, steps: int) -> int:
    state = folder.load(('steps', 'module', 'average', 'optimizer'))
    folder.start(0 if state is None else state['step'])
    if state is None:
        return 0
    done, planned = state['step'], state['steps']
    decays = steps - round(DECAY_SHARE * steps)
    if planned != steps and done > decays:
        raise RunError(
            f'{folder.path} has done {done} steps of {planned}; of {steps} steps the learning '
            f'rate would be falling since step {decays}. Ask for {planned}, for '
            f'{math.ceil(done / (1 - DECAY_SHARE))} or more, or start again with --overwrite.'
        )
    with folder.restoring():
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
