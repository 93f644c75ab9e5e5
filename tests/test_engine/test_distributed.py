"""Two processes on a CPU, with stock DDP and no ``find_unused_parameters``."""

import os
import socket

import pytest
import torch
from torch import distributed, multiprocessing

from mmtadp.apis import init_model
from tests.utils.processes import prepared_processes
from tests.utils.tiny_runs import tiny_config

WORLD_SIZE = 2


def _train(rank: int, port: int, config, folder) -> None:
    from mmengine.runner import Runner

    os.environ.update(
        MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), LOCAL_RANK=str(rank), RANK=str(rank)
    )
    torch.set_num_threads(1)
    distributed.init_process_group('gloo', rank=rank, world_size=WORLD_SIZE)
    runner = Runner.from_cfg(config)
    before = runner.model.module.backbone.unet.conv_in.weight.detach().clone()
    runner.train()
    state = runner.model.module.state_dict()
    assert not torch.equal(before, state['backbone.unet.conv_in.weight'])
    torch.save(state, folder / f'rank_{rank}.pth')
    distributed.destroy_process_group()


@pytest.mark.parametrize('prompt', [dict(), dict(text_adapter=dict())])
def test_equal_weights_after_steps(tiny_pipeline, tiny_images, tmp_path, prompt):
    config = tiny_config(
        tiny_pipeline,
        tiny_images,
        tmp_path / 'work_dir',
        model__backbone__prompt=dict(type='CaptionPrompt', **prompt),
        train_cfg__val_interval=100,
        # On a CPU, DDP must not be given device ids.
        model_wrapper_cfg=dict(type='MMDistributedDataParallel', device_ids=None),
        launcher='pytorch',
    )
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    prepared_processes()
    multiprocessing.start_processes(
        _train, (port, config, tmp_path), nprocs=WORLD_SIZE, start_method='forkserver'
    )
    first, second = (torch.load(tmp_path / f'rank_{r}.pth') for r in range(WORLD_SIZE))
    # Running statistics are each process's own between two forwards.
    weights = [key for key in first if 'running_' not in key]
    assert len(weights) > 500
    assert [key for key in weights if not torch.equal(first[key], second[key])] == []
    # The checkpoint is that of the model, without the wrapper.
    model = init_model(config, tmp_path / 'work_dir' / 'iter_2.pth')
    assert torch.equal(model.state_dict()[weights[0]], first[weights[0]])
    # So is what somebody has saved of the wrapped model.
    torch.save({f'module.{key}': value for key, value in first.items()}, tmp_path / 'raw.pth')
    model = init_model(config, tmp_path / 'raw.pth')
    assert torch.equal(model.state_dict()[weights[-1]], first[weights[-1]])
