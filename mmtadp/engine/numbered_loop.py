"""Let a train loop of mmengine begin at any batch, with the images and draws of an earlier run."""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.registry import DATA_SAMPLERS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import BatchSampler, DataLoader

from .numbered_batches import NumberedBatches

TrainLoop = EpochBasedTrainLoop | IterBasedTrainLoop


def can_number_batches(loop: Any, config: Any) -> bool:
    """Return whether :func:`number_batches` knows the loop, and can build its samplers again.

    Args:
        loop (Any): A train loop.
        config (Any): The dataloader as it was given to the runner.
    """
    return (
        isinstance(loop, TrainLoop)
        and isinstance(config, dict)
        and isinstance(config.get('sampler'), dict)
        and hasattr(loop.dataloader.batch_sampler, 'sampler')
    )


def number_batches(loop: TrainLoop, config: dict, seed: int) -> None:
    """Make a loop continue after ``loop.iter`` batches; those before are not read.

    Args:
        loop (TrainLoop): It has not begun.
        config (dict): Config of its dataloader.
        seed (int): Seed of the order of images, and of the draws of workers.
    """
    loader, skip = loop.dataloader, loop.iter
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    if by_epoch:
        skip -= loop.epoch * len(loader)
        # All batches, if the checkpoint was written before the end of the epoch was dealt with.
        if not 0 <= skip <= len(loader):
            skip = 0  # The checkpoint is of a dataset or batches of another size.
    batches = NumberedBatches(
        _build_batches(loader, config, seed),
        seed=seed,
        rank=get_rank(),
        start=loop.iter,
        skip=skip,
        endless=not by_epoch,
    )
    _replace_batches(loader, batches)
    if not by_epoch:
        ignored = 0 if hasattr(loop.dataloader_iterator, 'skip_iter') else loop.iter
        loop.dataloader_iterator = _Iterator(loader, ignored)
    elif skip:
        _count_from(loop, skip)


def _build_batches(loader: DataLoader, config: dict, seed: int) -> BatchSampler:
    """Build a loader's samplers again: loops of upstream's mmengine have used the old ones."""
    sampler = DATA_SAMPLERS.build(
        config['sampler'], default_args=dict(dataset=loader.dataset, seed=seed)
    )
    if config.get('batch_sampler') is None:
        return BatchSampler(sampler, loader.batch_size, loader.drop_last)
    return DATA_SAMPLERS.build(
        config['batch_sampler'],
        default_args=dict(sampler=sampler, batch_size=config['batch_size']),
    )


def _replace_batches(loader: DataLoader, batches: NumberedBatches) -> None:
    # A loader draws a seed for its workers each time it begins. Its own generator keeps the number
    # of draws from the process's generator the same, however often that is.
    loader.generator = torch.Generator()
    loader.generator.manual_seed(torch.empty((), dtype=torch.int64).random_().item())
    # torch refuses to change a loader. A new one would need all of its arguments, which differ
    # between versions, and mmdet's hooks change loaders in a similar way.
    vars(loader).update(sampler=batches.sampler, batch_sampler=batches)
    # Ends the workers that upstream's mmengine has started when it built the loop.
    loader._iterator = None


def _count_from(loop: EpochBasedTrainLoop, skip: int) -> None:
    """Let the first epoch count its batches from ``skip`` on, for what is logged."""
    run_iter, epoch = loop.run_iter, loop.epoch

    def numbered(index: int, batch: Any) -> None:
        run_iter(index + skip if loop.epoch == epoch else index, batch)

    loop.run_iter = numbered


class _Iterator:
    """Batches of an endless loader, in the place of mmengine's iterator.

    mmengine moves to the batch after a checkpoint with ``skip_iter``, upstream's 0.10.7 by reading
    all batches before it. The loader begins at that batch, so nothing is left to do.
    """

    def __init__(self, loader: DataLoader, ignored: int) -> None:
        self._loader, self._ignored = loader, ignored
        self._batches = None

    def skip_iter(self, num_iters: int) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._ignored:
            self._ignored -= 1
            return None
        if self._batches is None:
            self._batches = iter(self._loader)
        return next(self._batches)
