from pathlib import Path

import pytest
import torch

from mmtadp.converters import CheckpointError, CheckpointFile, Ledger


@pytest.fixture
def ledger():
    tensors = {key: torch.ones(2) for key in ('a.x', 'a.y', 'b.x', 'b.y', 'c')}
    file = CheckpointFile(Path('x.pth'), tensors, beside=dict(optimizer=7))
    return Ledger(file, 'Read the manual.')


def test_each_tensor_is_counted_once(ledger):
    assert torch.equal(ledger.take('a.x', 'part', 'ours'), torch.ones(2))
    ledger.take('a.x', 'part', 'ours again')
    ledger.take('a.y', 'part', 'ours too')
    ledger.drop_copies('b.', of='a.')
    ledger.drop('not needed', lambda key: True)
    report = ledger.close()
    assert (report.num_taken, report.num_dropped) == (2, 3)
    assert report.lines() == [
        'taken: 2 tensors',
        '      2  part: a.x -> ours',
        'dropped on purpose: 3 tensors',
        '      2  second copy of a.*, equal: b.x',
        '      1  not needed: c',
        'not weights, left behind: optimizer (7)',
    ]


def test_what_is_taken_is_not_dropped(ledger):
    ledger.take('c', 'part', 'ours')
    ledger.drop('not needed', lambda key: True)
    assert ledger.close().dropped['not needed'].count == 4


def test_nothing_is_forgotten(ledger):
    ledger.take('c', 'part', 'ours')
    with pytest.raises(CheckpointError, match=r"4 tensors .* a.x.* \(1\), .*'a.x'. Read the"):
        ledger.close()


def test_nothing_is_missing(ledger):
    assert ledger.take('d', 'part', 'ours') is None
    with pytest.raises(CheckpointError, match=r"lacks 1 tensors .*'d' \(ours\). Read the manual"):
        ledger.close()


def test_a_copy_that_is_none(ledger):
    ledger.tensors['b.y'] = torch.zeros(2)
    with pytest.raises(CheckpointError, match="'b.y' should be the same tensor as 'a.y'"):
        ledger.drop_copies('b.', of='a.')
