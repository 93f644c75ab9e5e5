"""Runs of a model of a few weights, whose images and dropout are random, in milliseconds."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import Dataset

_names = itertools.count()


class RandomImages(Dataset):
    """Images that draw from the generators of Python, NumPy and torch."""

    metainfo = dict(classes=('cat',))

    def __init__(self, length: int = 8) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def get_data_info(self, index: int) -> dict:
        """Return the size, by which mmdet's batch sampler groups images."""
        return dict(width=2 + index % 2, height=2)

    def __getitem__(self, index: int) -> dict[str, Any]:
        noise = [random.random(), np.random.rand(), torch.rand(()).item(), float(index)]
        return dict(inputs=torch.tensor(noise), index=index)


class SmallModel(BaseModel):
    """A linear layer after dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 1))

    def forward(self, inputs: Tensor, index: Any = None, mode: str = 'tensor') -> Any:
        """Return the loss, or one prediction per image."""
        outputs = self.layers(torch.stack(list(inputs)))
        return dict(loss_fit=outputs.square().mean()) if mode == 'loss' else list(outputs)


class RandomMetric(BaseMetric):
    """Draws random numbers, as loaders and metrics do, and has the scores it was given."""

    default_prefix = None

    def __init__(self, scores: tuple[float, ...] = (1.0,)) -> None:
        super().__init__()
        self.scores = iter((*scores, *itertools.repeat(scores[-1], 100)))

    def process(self, data_batch: dict, data_samples: list) -> None:
        """Draw."""
        self.results.append((torch.rand(3), np.random.rand(3), random.random()))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Return the next score."""
        return dict(score=next(self.scores))


class Recorder(Hook):
    """Record the loss and the images of each iteration, and call a function after it."""

    priority = 'LOWEST'

    def __init__(self, after: Callable[[Runner], None] | None = None) -> None:
        self.losses, self.images, self.after = {}, {}, after

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Record an iteration, by its number in the run."""
        self.losses[runner.iter + 1] = outputs['loss'].item()
        self.images[runner.iter + 1] = [int(i) for i in data_batch['index']]
        if self.after is not None:
            self.after(runner)


def small_runner(
    work_dir: Path,
    by_epoch: bool = False,
    workers: int = 0,
    hooks: tuple[Hook, ...] = (),
    loader: dict | None = None,
    checkpoint: dict | None = None,
    validate: bool = True,
    scores: tuple[float, ...] = (1.0,),
    **options,
) -> Runner:
    """Build a runner of 12 iterations of 2 images each, 4 in an epoch.

    Args:
        work_dir: Where it writes.
        by_epoch: Count epochs.
        workers: Processes that load images.
        hooks: Further hooks.
        loader: Overrides of the training dataloader.
        checkpoint: Overrides of the checkpoint hook.
        validate: Validate after 6 iterations, or after each epoch.
        scores: Of the validations, in turn.
        options: Further arguments of the runner.
    """
    train_cfg = (
        dict(type='EpochBasedTrainLoop', max_epochs=3, val_interval=1)
        if by_epoch
        else dict(type='IterBasedTrainLoop', max_iters=12, val_interval=6)
    )
    sampler = dict(type='DefaultSampler' if by_epoch else 'InfiniteSampler', shuffle=True)
    common = dict(batch_size=2, num_workers=workers, dataset=dict(type=RandomImages))
    val = dict(common, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False))
    hook = dict(type='mmtadp.SafeCheckpointHook', by_epoch=False, interval=3, max_keep_ckpts=1)
    arguments = dict(
        model=dict(type=SmallModel),
        work_dir=str(work_dir),
        train_dataloader={**common, 'sampler': sampler, **(loader or {})},
        train_cfg=train_cfg,
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.1)),
        default_hooks=dict(
            checkpoint={**hook, **(checkpoint or {})},
            check_finite=dict(type='mmtadp.CheckFiniteHook'),
            exact_resume=dict(type='mmtadp.ExactResumeHook'),
        ),
        custom_hooks=list(hooks),
        randomness=dict(seed=0),
        log_level='ERROR',
        # mmengine finds what has the same name again.
        experiment_name=f'small_{next(_names)}',
        default_scope='mmengine',
    )
    if validate:
        arguments |= dict(
            val_dataloader=val,
            val_cfg=dict(),
            val_evaluator=dict(type=RandomMetric, scores=scores),
        )
    return Runner(**{**arguments, **options})
