"""Batches whose samples are drawn from seeds of their own, so that a run can be continued."""

import itertools
from collections.abc import Iterator
from typing import Any

from torch.utils.data import Sampler, get_worker_info

from mmtadp.utils.errors import RunError
from mmtadp.utils.seeding import seed_generators


class NumberedBatches(Sampler):
    """Number the batches of another batch sampler, and leave out those a run has seen.

    Only indices are left out; no data are read for them. In the worker processes of a loader, the
    random draws of a sample (flips, crops, ...) depend on the seed, the number of the batch in
    the run and the sample's position in it, not on what the worker has drawn before. Without
    workers, they come from the generators of the training process, which checkpoints hold.

    Args:
        batches (Sampler): Yields lists of indices, the same ones in each process that makes it.
        seed (int): Seed of the run.
        rank (int): Number of the process among those that train together.
        start (int): Number of the first batch that is yielded. Defaults to 0.
        skip (int): Number of batches to leave out in the first pass. Defaults to 0.
        endless (bool): Begin again after the last batch, with the next ``set_epoch`` of the
            sampler, as mmengine's loop by iterations does. Defaults to False.
    """

    def __init__(
        self,
        batches: Sampler,
        seed: int,
        rank: int,
        start: int = 0,
        skip: int = 0,
        endless: bool = False,
    ) -> None:
        self.batches = batches
        self.seed, self.rank = seed, rank
        self.endless = endless
        self._number, self._skip = start, skip

    @property
    def sampler(self) -> Sampler:
        """Return the sampler of single indices."""
        return self.batches.sampler

    @property
    def batch_size(self) -> int | None:
        """Return the number of indices in a batch, if all have the same."""
        return getattr(self.batches, 'batch_size', None)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list]:
        """Yield batches.

        Raises:
            RunError: If an endless sampler has no batch.
        """
        skip, self._skip = self._skip, 0
        for indices in self._passes():
            if skip:
                skip -= 1
                continue
            # Before the yield: a loader with workers asks for batches long before they are used.
            number, self._number = self._number, self._number + 1
            yield SeededBatch(indices, (self.seed, self.rank, number))

    def _passes(self) -> Iterator[list]:
        if not self.endless:
            yield from self.batches
            return
        for epoch in itertools.count():
            if hasattr(self.sampler, 'set_epoch'):
                self.sampler.set_epoch(epoch)
            empty = True
            for indices in self.batches:
                empty = False
                yield indices
            if empty:
                raise RunError('the training dataset has fewer images than a batch needs.')


class SeededBatch(list):
    """Indices of a batch; a worker that iterates over them seeds its generators before each."""

    def __init__(self, indices: list, seeds: tuple[int, ...]) -> None:
        super().__init__(indices)
        self.seeds = seeds

    def __iter__(self) -> Iterator[Any]:
        if get_worker_info() is None:
            yield from super().__iter__()
            return
        for position, index in enumerate(super().__iter__()):
            seed_generators(*self.seeds, position)
            yield index
