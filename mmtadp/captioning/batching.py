"""Run batches as large as memory allows."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from mmtadp.utils.errors import RunError

# Messages of errors other than torch.OutOfMemoryError: of the CPU allocator, cuBLAS, cuDNN.
_MESSAGES = ('out of memory', "can't allocate memory", 'ALLOC_FAILED', 'not enough memory')


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(part in str(error) for part in _MESSAGES)


class AdaptiveBatches:
    """Run a function on parts of a batch, and halve them whenever memory runs out.

    The size that worked is kept for all later batches.

    Args:
        size (int): The first size to try.

    Attributes:
        size (int): The size to try next.
        reductions (int): How often the size was halved.
    """

    def __init__(self, size: int):
        if size < 1:
            raise RunError(f'batch size {size}: expected 1 or more')
        self.size = size
        self.reductions = 0

    def run(
        self, function: Callable[[Sequence[Any]], list[Any]], items: Sequence[Any]
    ) -> Iterator[tuple[Sequence[Any], list[Any]]]:
        """Apply a function to items.

        Args:
            function (Callable): From some items to as many results.
            items (Sequence): The items.

        Yields:
            tuple[Sequence, list]: Some consecutive items and their results.

        Raises:
            RunError: If memory does not suffice for one item.
        """
        start = 0
        while start < len(items):
            part = items[start : start + self.size]
            results = self._try(function, part)
            if results is None:
                self._reduce(len(part))
                continue
            yield part, results
            start += len(part)

    def _try(
        self, function: Callable[[Sequence[Any]], list[Any]], items: Sequence[Any]
    ) -> list[Any] | None:
        try:
            return function(items)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(items) == 1:
                raise RunError(
                    'memory does not suffice to caption one image at a time. Use --dtype fp16, '
                    'bf16 or int8, fewer beams or fewer new tokens, or a smaller model. '
                    f'({str(error).splitlines()[0]})'
                ) from error
        # Only here are the error, its traceback and the tensors of the failed attempt released.
        return None

    def _reduce(self, failed: int) -> None:
        self.size = max(1, failed // 2)
        self.reductions += 1
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
