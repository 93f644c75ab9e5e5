import enum
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer

from mmtadp.utils import plain_checkpoint
from mmtadp.utils.plain_checkpoint import make_plain, restore_histories


class Kind(enum.IntEnum):
    STREET = 3


class Own:
    """A class of a user's project."""

    def __str__(self):
        return 'my own'


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(
        plain_checkpoint, 'print_log', lambda message, **kwargs: lines.append(message)
    )
    return lines


@pytest.mark.parametrize(
    'value, expected',
    [
        (np.float32(1.5), 1.5),
        (np.float16(1.5), 1.5),
        (np.longdouble(1.5), 1.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_('a'), 'a'),
        (np.array([[1, 2]]), [[1, 2]]),
        (ConfigDict(a=ConfigDict(b=(1, np.int32(2)))), dict(a=dict(b=(1, 2)))),
        ({Kind.STREET: {1}}, {3: [1]}),
        (range(2), [0, 1]),
        (Path('a/b'), 'a/b'),
        (None, None),
        (b'x', b'x'),
    ],
)
def test_values(value, expected, said, tmp_path):
    checkpoint = dict(meta=dict(value=value))
    make_plain(checkpoint)
    torch.save(checkpoint, tmp_path / 'a.pth')
    read = torch.load(tmp_path / 'a.pth', weights_only=True)['meta']['value']
    assert read == expected and type(read) is type(expected)
    assert said == []


def test_other_objects_become_text_and_are_named(said):
    checkpoint = dict(meta=dict(dataset_meta=dict(mine=[Own()])))
    make_plain(checkpoint)
    assert checkpoint['meta']['dataset_meta']['mine'] == ['my own']
    assert said == [
        'the checkpoint has the text of meta.dataset_meta.mine.0, a Own, as it holds plain values '
        'only'
    ]


def test_weights_are_left_alone():
    weights = OrderedDict(a=torch.ones(1))
    weights._metadata = {'': dict(version=1)}
    checkpoint = dict(state_dict=weights, ema_state_dict=weights, optimizer=dict(lr=np.float64(1)))
    make_plain(checkpoint)
    assert checkpoint['state_dict'] is checkpoint['ema_state_dict'] is weights
    assert type(checkpoint['optimizer']['lr']) is float


def test_histories_come_back(tmp_path):
    history = HistoryBuffer(max_length=100)
    for step in range(150):
        history.update(1 / (step + 1), 2)
    checkpoint = dict(message_hub=dict(log_scalars={'train/loss': history}, runtime_info={}))
    make_plain(checkpoint)
    torch.save(checkpoint, tmp_path / 'a.pth')
    read = torch.load(tmp_path / 'a.pth', weights_only=True)
    restore_histories(read)
    loaded = read['message_hub']['log_scalars']['train/loss']
    assert isinstance(loaded, HistoryBuffer) and loaded.max_length == 100
    for ours, theirs in zip(loaded.data, history.data, strict=True):
        assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    loaded.update(0.5)
    assert loaded.statistics('current') == 0.5


def test_what_was_saved_without_this_stays():
    history = HistoryBuffer([1.0], [1])
    for checkpoint in (
        {},
        dict(message_hub=None),
        dict(message_hub=dict(log_scalars={'loss': history})),
    ):
        before = dict(checkpoint)
        restore_histories(checkpoint)
        assert checkpoint == before
