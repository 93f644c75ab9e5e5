from types import SimpleNamespace

import pytest
from mmengine.config import Config

from mmtadp.utils import launchers

VARIABLES = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')


@pytest.fixture
def torchrun(monkeypatch):
    """What torchrun sets, on a machine without a GPU; the backends that were connected."""
    backends = []
    for name in VARIABLES:
        monkeypatch.setenv(name, '1')
    monkeypatch.setattr(launchers, 'get_device', lambda: 'cpu')
    stand_in = SimpleNamespace(
        is_initialized=lambda: bool(backends), init_process_group=backends.append
    )
    monkeypatch.setattr(launchers, 'distributed', stand_in)
    return backends


def config(**options):
    norm = dict(type='SyncBN', requires_grad=True)
    model = dict(neck=dict(norm_cfg=norm), heads=[dict(norm_cfg=dict(norm))])
    return Config(dict(launcher='pytorch', model=model, **options))


def test_connects_cpus(torchrun):
    cfg = config()
    launchers.prepare_launcher(cfg)
    launchers.prepare_launcher(cfg)
    assert torchrun == ['gloo']
    assert cfg.model_wrapper_cfg.type == 'MMDistributedDataParallel'
    assert cfg.model_wrapper_cfg.device_ids is None
    assert cfg.model_wrapper_cfg.find_unused_parameters is False
    assert cfg.model.neck.norm_cfg.type == cfg.model.heads[0].norm_cfg.type == 'BN'


def test_keeps_the_wrapper_of_a_config(torchrun):
    cfg = config(model_wrapper_cfg=dict(type='Mine', static_graph=True))
    launchers.prepare_launcher(cfg)
    assert cfg.model_wrapper_cfg == dict(type='Mine', static_graph=True, device_ids=None)


def test_leaves_gpus_and_single_processes_alone(torchrun, monkeypatch):
    cfg = Config(dict(launcher='none', model=dict(norm_cfg=dict(type='SyncBN'))))
    launchers.prepare_launcher(cfg)
    monkeypatch.setattr(launchers, 'get_device', lambda: 'cuda')
    gpu = config()
    launchers.prepare_launcher(gpu)
    assert torchrun == []
    assert cfg.model.norm_cfg.type == gpu.model.neck.norm_cfg.type == 'SyncBN'


def test_first_process(monkeypatch):
    monkeypatch.setenv('RANK', '1')
    monkeypatch.setenv('SLURM_PROCID', '0')
    assert launchers.is_first_process('none')
    assert not launchers.is_first_process('pytorch')
    assert launchers.is_first_process('slurm')
