from pathlib import Path

import pytest
import torch

from mmtadp.converters import CheckpointError, TensorTracker
from mmtadp.utils.tensor_files import WeightsFile


@pytest.fixture
def tracker():
    tensors = {key: torch.ones(2) for key in ('a.x', 'a.y', 'b.x', 'b.y', 'c')}
    file = WeightsFile(Path('x.pth'), tensors, other_entries=dict(optimizer=7))
    return TensorTracker(file, 'Read the manual.')


def test_each_tensor_is_counted_once(tracker):
    assert torch.equal(tracker.take('a.x', 'part', 'ours'), torch.ones(2))
    tracker.take('a.x', 'part', 'ours again')
    tracker.take('a.y', 'part', 'ours too')
    tracker.drop_copies('b.', originals='a.')
    tracker.drop('not needed', lambda key: True)
    report = tracker.close()
    assert (report.num_taken, report.num_dropped) == (2, 3)
    assert report.lines() == [
        'taken: 2 tensors',
        '      2  part: a.x -> ours',
        'dropped on purpose: 3 tensors',
        '      2  second copy of a.*, equal: b.x',
        '      1  not needed: c',
        'not weights, left out: optimizer (7)',
    ]


def test_what_is_taken_is_not_dropped(tracker):
    tracker.take('c', 'part', 'ours')
    tracker.drop('not needed', lambda key: True)
    assert tracker.close().dropped['not needed'].count == 4


def test_nothing_is_forgotten(tracker):
    tracker.take('c', 'part', 'ours')
    with pytest.raises(CheckpointError, match=r"4 tensors .* a.x.* \(1\), .*'a.x'. Read the"):
        tracker.close()


def test_nothing_is_missing(tracker):
    assert tracker.take('d', 'part', 'ours') is None
    with pytest.raises(CheckpointError, match=r"lacks 1 tensors .*'d' \(ours\). Read the manual"):
        tracker.close()


def test_a_copy_that_is_none(tracker):
    tracker.tensors['b.y'] = torch.zeros(2)
    with pytest.raises(CheckpointError, match="'b.y' should be the same tensor as 'a.y'"):
        tracker.drop_copies('b.', originals='a.')
