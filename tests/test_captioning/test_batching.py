import gc
import weakref

import pytest
import torch

from mmtadp.captioning.batching import AdaptiveBatches, is_out_of_memory
from mmtadp.utils.errors import RunError


class Device:
    """Holds a number of items; more is out of memory."""

    def __init__(self, room: int):
        self.room, self.calls = room, []

    def __call__(self, items) -> list:
        self.calls.append(len(items))
        if len(items) > self.room:
            raise torch.OutOfMemoryError('CUDA out of memory.')
        return [2 * item for item in items]


def run(batches: AdaptiveBatches, device: Device, count: int) -> list:
    return [result for _, results in batches.run(device, range(count)) for result in results]


def test_halved_until_it_fits_and_remembered():
    batches, device = AdaptiveBatches(16), Device(room=5)
    assert run(batches, device, 16) == list(range(0, 32, 2))
    assert device.calls == [16, 8, 4, 4, 4, 4]
    assert (batches.size, batches.reductions) == (4, 2)
    device.calls.clear()
    assert run(batches, device, 10) == list(range(0, 20, 2))
    assert device.calls == [4, 4, 2]


def test_a_short_batch_that_does_not_fit():
    batches, device = AdaptiveBatches(64), Device(room=1)
    assert run(batches, device, 3) == [0, 2, 4]
    assert device.calls == [3, 1, 1, 1]


def test_one_image_is_too_much():
    with pytest.raises(RunError, match='one image at a time.*--dtype'):
        run(AdaptiveBatches(4), Device(room=0), 4)


def test_memory_of_the_failed_attempt_is_free_again():
    kept = []

    def function(items):
        if len(items) > 1:
            tensor = torch.zeros(4)
            kept.append(weakref.ref(tensor))
            raise torch.OutOfMemoryError('CUDA out of memory.')
        gc.collect()
        assert kept[-1]() is None
        return items

    assert [list(part) for part, _ in AdaptiveBatches(2).run(function, [1, 2])] == [[1], [2]]


def test_what_counts_as_out_of_memory():
    assert is_out_of_memory(torch.OutOfMemoryError('x'))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
    )
    assert is_out_of_memory(RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED'))
    assert not is_out_of_memory(RuntimeError('shape mismatch'))
    with pytest.raises(RuntimeError, match='shape mismatch'):
        list(AdaptiveBatches(2).run(lambda items: _raise(RuntimeError('shape mismatch')), [1, 2]))


def _raise(error):
    raise error


def test_size_of_zero():
    with pytest.raises(RunError, match='batch size 0: expected 1 or more'):
        AdaptiveBatches(0)
