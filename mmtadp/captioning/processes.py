"""The processes of a run under torchrun, and what they tell one another."""

import os
import pickle
import time
import zlib
from datetime import timedelta
from typing import Any

from torch.distributed import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from mmtadp.utils.resumable import RunError

# Others wait for the slowest; torchrun ends them if one fails.
_PATIENCE = timedelta(days=30)
_POLL_SECONDS = 0.1


class Processes:
    """One process, or those that torchrun started.

    They share a key-value store and nothing else: captions go through the journal, which must be
    on a file system that all of them see.

    Args:
        rank (int): Which one this is.
        count (int): How many there are.
        store (Store, optional): Of the launcher; None for a single process.

    Attributes:
        rank (int): As given.
        count (int): As given.
        local_rank (int): Which one of its machine this is.
    """

    def __init__(self, rank: int = 0, count: int = 1, store: Store | None = None):
        self.rank, self.count = rank, count
        self.local_rank = int(os.environ.get('LOCAL_RANK', 0)) if count > 1 else 0
        self._store = store
        self._images = 0

    @classmethod
    def from_environment(cls) -> 'Processes':
        """Joins the processes that torchrun started, if it did."""
        if int(os.environ.get('WORLD_SIZE', 1)) == 1:
            return cls()
        store, rank, count = next(rendezvous('env://', timeout=_PATIENCE))
        # A restarted group must not read what an earlier one wrote.
        attempt = os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')
        return cls(rank, count, PrefixStore(f'mmtadp_captioning_{attempt}', store))

    @property
    def is_main(self) -> bool:
        """Whether this is the one that plans and merges."""
        return self.rank == 0

    def send(self, message: Any) -> None:
        """Tells all others something: a picklable object, or an error, which they raise.

        Returns when they know, because the store may end with this process.
        """
        if self._store is not None:
            self._store.set('plan', zlib.compress(pickle.dumps(message)))
            self._wait_for([f'received_{rank}' for rank in range(1, self.count)])

    def receive(self) -> Any:
        """Waits for what the main one sends.

        Raises:
            RunError: If that is one.
        """
        self._wait_for(['plan'])
        message = pickle.loads(zlib.decompress(self._store.get('plan')))
        self._store.set(f'received_{self.rank}', b'1')
        if isinstance(message, RunError):
            raise message
        return message

    def count_images(self, done: int) -> int:
        """Adds to the number of images done, and returns that of all processes."""
        if self._store is None:
            self._images += done
            return self._images
        return self._store.add('images', done)

    def finish(self) -> None:
        """Tells the main one that this one is through."""
        if self._store is not None:
            self._store.set(f'finished_{self.rank}', b'1')

    def all_finished(self) -> bool:
        """Whether all are through."""
        if self._store is None:
            return True
        return self._store.check([f'finished_{rank}' for rank in range(self.count)])

    def _wait_for(self, names: list[str]) -> None:
        # Not Store.wait, during which no signal gets through.
        while not self._store.check(names):
            time.sleep(_POLL_SECONDS)
