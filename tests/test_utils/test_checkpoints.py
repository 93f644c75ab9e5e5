"""Checkpoints of the stock runner, and files that would run code, through mmengine's loader."""

import os
import pickle
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.runner.checkpoint import _load_checkpoint
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import DataLoader

from mmtadp.utils.tensor_files import TensorFileError


class Line(BaseModel):
    """A line through points (1, 2)."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, inputs, mode='tensor'):
        outputs = self.layer(inputs)
        return dict(loss=((outputs - 2) ** 2).mean()) if mode == 'loss' else [outputs]


class Score(BaseMetric):
    """Scores of the types that metrics of mmseg and mmdet have."""

    def process(self, data_batch, data_samples):
        self.results.append(1)

    def compute_metrics(self, results):
        return dict(double=np.float64(1.5), single=np.float32(2.5), plain=3.5)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory) -> Path:
    """A checkpoint of the stock runner with all that it writes: log, best scores, EMA."""
    work_dir = tmp_path_factory.mktemp('run')
    points = DataLoader([dict(inputs=torch.ones(1)) for _ in range(4)], batch_size=2)
    runner = Runner(
        model=Line(),
        work_dir=str(work_dir),
        train_dataloader=points,
        val_dataloader=points,
        val_evaluator=Evaluator([Score()]),
        train_cfg=dict(by_epoch=True, max_epochs=2),
        val_cfg=dict(),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.1)),
        param_scheduler=dict(type='LinearLR', start_factor=0.5, end=2),
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook',
                save_best=['double', 'single', 'plain'],
                rule='greater',
                max_keep_ckpts=1,
            )
        ),
        custom_hooks=[dict(type='EMAHook')],
        experiment_name='compat',
    )
    runner.train()
    return work_dir / 'epoch_2.pth'


def test_checkpoints_load_with_weights_only(checkpoint):
    assert torch.serialization.get_unsafe_globals_in_checkpoint(str(checkpoint)) == []
    content = torch.load(checkpoint, weights_only=True)
    assert content['meta']['epoch'] == 2
    hub = content['message_hub']
    assert hub['runtime_info']['best_score_single'] == 2.5
    history = hub['log_scalars']['train/loss']
    assert isinstance(history, HistoryBuffer)
    values, counts = history.data
    assert len(values) == 4 and counts.sum() == 4
    assert history.statistics('current') == values[-1]


def test_they_still_do_after_mmengine_has_loaded_one(checkpoint):
    _load_checkpoint(str(checkpoint), map_location='cpu')
    assert torch.load(checkpoint, weights_only=True)['meta']['epoch'] == 2


class TouchesAFile:
    """A pickle of it creates a file when it is read."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, 'w'))


@pytest.fixture
def malicious(tmp_path):
    """A checkpoint that creates the file `it_ran` where it is unpickled."""
    torch.save(dict(state_dict={}, more=TouchesAFile(tmp_path / 'it_ran')), tmp_path / 'bad.pth')
    return tmp_path / 'bad.pth'


@pytest.fixture
def served(malicious, monkeypatch):
    """The address of the same checkpoint on a web server."""
    handler = partial(SimpleHTTPRequestHandler, directory=malicious.parent)
    monkeypatch.setattr(SimpleHTTPRequestHandler, 'log_message', lambda *args: None)
    monkeypatch.setattr(torch.hub, '_hub_dir', str(malicious.parent / 'hub'))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}/bad.pth'
        server.shutdown()
        thread.join()


SWITCHES = ('TORCH_FORCE_WEIGHTS_ONLY_LOAD', 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD')


def test_the_test_is_one(malicious):
    torch.load(malicious, weights_only=False)
    assert (malicious.parent / 'it_ran').exists()


class TestNoCodeRuns:
    @pytest.fixture(autouse=True, params=[(), SWITCHES[:1], SWITCHES[1:], SWITCHES])
    def switches(self, request, monkeypatch):
        """Every choice of torch's switches in the user's environment."""
        for name in SWITCHES:
            monkeypatch.delenv(name, raising=False)
        for name in request.param:
            monkeypatch.setenv(name, '1')

    def check(self, malicious, name, capfd):
        before = dict(os.environ)
        with pytest.raises(TensorFileError) as error:
            _load_checkpoint(name, map_location='cpu')
        assert not (malicious.parent / 'it_ran').exists()
        assert name in str(error.value) and 'weights_only=False' not in str(error.value)
        assert 'Falling back' not in ''.join(capfd.readouterr())
        assert dict(os.environ) == before

    def test_of_a_file(self, malicious, capfd):
        self.check(malicious, str(malicious), capfd)

    def test_of_a_web_address(self, malicious, served, capfd):
        self.check(malicious, served, capfd)
        # From the copy of the first download, too.
        self.check(malicious, served, capfd)

    def test_good_ones_load(self, checkpoint):
        content = _load_checkpoint(str(checkpoint), map_location='cpu')
        assert content['meta']['epoch'] == 2


def test_the_device_is_passed_on(checkpoint):
    content = _load_checkpoint(str(checkpoint), map_location='meta')
    assert all(value.is_meta for value in content['state_dict'].values())


def test_safetensors(tmp_path):
    save_file({'layer.weight': torch.ones(1)}, tmp_path / 'a.safetensors')
    content = _load_checkpoint(str(tmp_path / 'a.safetensors'))
    assert content['layer.weight'] == 1


class ReadsAnAttribute:
    """A pickle of it reads an attribute of something that checkpoints may name."""

    def __init__(self, owner, name):
        self.arguments = (owner, name)

    def __reduce__(self):
        return (getattr, self.arguments)


@pytest.mark.parametrize(
    'owner, name', [(np.ndarray, 'tofile'), (HistoryBuffer, '__init__'), (np.dtype, '__class__')]
)
def test_getattr_reaches_nothing_but_the_history(owner, name, tmp_path):
    torch.save(ReadsAnAttribute(owner, name), tmp_path / 'bad.pth')
    with pytest.raises(pickle.UnpicklingError, match=f'may not read the attribute {name!r}'):
        torch.load(tmp_path / 'bad.pth', weights_only=True)
