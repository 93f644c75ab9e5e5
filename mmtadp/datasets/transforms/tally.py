"""How often something was wrong with a sample, counted by all dataloader workers together."""

import mmap

import numpy as np


class SharedTally:
    """Counts samples and those among them that something is wrong with.

    The counts lie in anonymous shared memory: forked dataloader workers count in the same ones,
    so that a warning is given once, not by each worker.
    """

    def __init__(self):
        # Samples seen, samples with something wrong, and how many of the latter make a warning.
        self._counts = np.frombuffer(mmap.mmap(-1, 24), dtype=np.int64)
        self._counts[2] = 1

    def add(self, wrong: bool) -> bool:
        """Count a sample.

        Args:
            wrong (bool): Whether something is wrong with it.

        Returns:
            bool: Whether to warn: at the 1st, 10th, 100th, ... such sample, so that the extent
            shows, and not once per image.
        """
        self._counts[:2] += 1, wrong
        if not wrong or self.wrong < self._counts[2]:
            return False
        self._counts[2] *= 10
        return True

    @property
    def seen(self) -> int:
        """Number of samples."""
        return int(self._counts[0])

    @property
    def wrong(self) -> int:
        """Number of samples with something wrong."""
        return int(self._counts[1])
