import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.runner.checkpoint import _load_checkpoint
from torch import nn
from torch.utils.data import DataLoader

import mmtadp
from mmtadp.utils.compat import register_config_packages, safe_checkpoint_loading


@pytest.mark.parametrize(
    'base, key',
    [
        ('mmtadp::_base_/default_runtime.py', 'default_scope'),
        ('mmtadp::tadp/tadp40_ade20k_80k.py', 'model'),
        ('mmseg::_base_/schedules/schedule_80k.py', 'param_scheduler'),
        ('mmdet::_base_/schedules/schedule_1x.py', 'param_scheduler'),
    ],
)
def test_bases_of_packages_resolve(base, key, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(f"_base_ = '{base}'\n")
    assert key in Config.fromfile(config)


def test_what_is_inherited_keeps_its_default_scope(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(
        "_base_ = 'mmtadp::tadp/tadp40_ade20k_80k.py'\ntrain_pipeline = [*_base_.train_pipeline]\n"
    )
    assert '_scope_' not in Config.fromfile(config).pretty_text
    # Others' are marked as ever.
    config.write_text("_base_ = 'mmseg::_base_/models/fpn_r50.py'\n")
    assert Config.fromfile(config).model._scope_ == 'mmseg'


def test_mappings_of_other_packages_stay():
    before = dict(MODULE2PACKAGE)
    register_config_packages()
    assert before == MODULE2PACKAGE
    assert MODULE2PACKAGE['mmpose'] == 'mmpose'


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
    with safe_checkpoint_loading():
        _load_checkpoint(str(checkpoint), map_location='cpu')
    assert torch.load(checkpoint, weights_only=True)['meta']['epoch'] == 2


class TouchesAFile:
    """A pickle of it creates a file when it is read."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, 'w'))


def test_no_code_runs_from_a_checkpoint(tmp_path):
    torch.save(dict(state_dict={}, more=TouchesAFile(tmp_path / 'it_ran')), tmp_path / 'bad.pth')
    with safe_checkpoint_loading(), pytest.raises(pickle.UnpicklingError):
        _load_checkpoint(str(tmp_path / 'bad.pth'), map_location='cpu')
    assert not (tmp_path / 'it_ran').exists()


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


def test_safe_loading_ends(monkeypatch):
    monkeypatch.delenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', raising=False)
    with safe_checkpoint_loading():
        assert os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] == '1'
    assert 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ


def test_version():
    assert mmtadp.__version__ == '0.1.0'
