"""``auto_scale_lr.enable=True`` changes nothing on the set-up that a config is for."""

import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from tests.utils.paths import REPOSITORY

PATHS = [
    *sorted((REPOSITORY / 'configs' / 'tadp').glob('*.py')),
    *sorted((REPOSITORY / 'projects' / 'shapescenes' / 'configs').glob('*.py')),
    *sorted((REPOSITORY / 'projects' / 'shapescenes' / 'configs' / 'demo').glob('*.py')),
]


def gpus(name: str) -> int:
    """Return the number of processes that a config is for."""
    return 8 if ('_ade20k' in name or '_nyu' in name) and not name.endswith('_1gpu') else 1


def factor(config: Config, world_size: int) -> float:
    """Return by how much mmengine's runner scales the learning rate."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    runner = SimpleNamespace(
        _train_dataloader=config.train_dataloader,
        world_size=world_size,
        param_schedulers=None,
        logger=logging.getLogger('scale_lr'),
    )
    Runner.scale_lr(runner, OptimWrapper(optimizer), dict(config.auto_scale_lr, enable=True))
    return optimizer.param_groups[0]['lr']


def test_counts():
    assert len(PATHS) == 71 + 42
    assert sum(gpus(path.stem) == 8 for path in PATHS) == 37


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_factor_is_one(path):
    config = Config.fromfile(path)
    assert config.auto_scale_lr.enable is False
    assert factor(config, gpus(path.stem)) == 1


def test_half_the_gpus_halve_the_rate():
    config = Config.fromfile(REPOSITORY / 'configs' / 'tadp' / 'tadp40_ade20k_80k.py')
    assert factor(config, 4) == 0.5
