"""Connect the processes of a run that torchrun started."""

import os
import pickle
import time
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from torch.distributed import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from mmtadp.utils.errors import RunError

# The others wait for the slowest process; torchrun ends them if one fails.
_PATIENCE = timedelta(days=30)
_POLL_SECONDS = 0.1


class Processes:
    """A single process, or the processes that torchrun started.

    They share a key-value store only, not a process group: it counts images while batches are
    uneven, and waiting for it can be interrupted. Captions go through the journal, which must be
    on a file system that all processes share.

    Args:
        rank (int): Index of this process.
        count (int): Number of processes.
        store (Store, optional): The launcher's store; None for a single process.

    Attributes:
        rank (int): As given.
        count (int): As given.
        local_rank (int): Index of this process on its machine.
    """

    def __init__(self, rank: int = 0, count: int = 1, store: Store | None = None):
        self.rank, self.count = rank, count
        self.local_rank = int(os.environ.get('LOCAL_RANK', 0)) if count > 1 else 0
        self._store = store
        self._images = 0

    @classmethod
    def from_environment(cls) -> 'Processes':
        """Join the processes that torchrun started, if it did."""
        if int(os.environ.get('WORLD_SIZE', 1)) == 1:
            return cls()
        store, rank, count = next(rendezvous('env://', timeout=_PATIENCE))
        # A restarted group must not read the values of an earlier one.
        attempt = os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')
        return cls(rank, count, PrefixStore(f'mmtadp_captioning_{attempt}', store))

    @property
    def is_main(self) -> bool:
        """bool: Whether this process plans the run and writes the caption file."""
        return self.rank == 0

    def broadcast(self, make: Callable[[], Any]) -> Any:
        """Return an object that the main process makes, in all processes.

        Args:
            make (Callable): Returns a picklable object; called in the main process only.

        Raises:
            RunError: If ``make`` raises it; then in all processes.
        """
        if self._store is None:
            return make()
        if self.is_main:
            try:
                message = make()
            except RunError as error:
                message = error
            self._store.set('plan', zlib.compress(pickle.dumps(message)))
            # The store may end with this process, so wait until all have read the message.
            self._wait_for([f'received_{rank}' for rank in range(1, self.count)])
        else:
            self._wait_for(['plan'])
            message = pickle.loads(zlib.decompress(self._store.get('plan')))
            self._store.set(f'received_{self.rank}', b'1')
        if isinstance(message, RunError):
            raise message
        return message

    def count_images(self, new: int) -> int:
        """Add to the number of images that are done, and return that of all processes."""
        if self._store is None:
            self._images += new
            return self._images
        return self._store.add('images', new)

    def finish(self) -> None:
        """Report to the main process that this one has finished."""
        if self._store is not None:
            self._store.set(f'finished_{self.rank}', b'1')

    def all_finished(self) -> bool:
        """Return whether all processes have finished."""
        if self._store is None:
            return True
        return self._store.check([f'finished_{rank}' for rank in range(self.count)])

    def _wait_for(self, names: list[str]) -> None:
        # Not Store.wait, which blocks signals.
        while not self._store.check(names):
            time.sleep(_POLL_SECONDS)
