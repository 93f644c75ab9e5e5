"""Several processes that train together: what their launcher must have set, and CPUs."""

import os

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from torch import distributed

from .errors import RunError

# The variable with the number of the process, by launcher.
_RANKS = dict(pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK')
_VARIABLES = dict(
    pytorch=('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'),
    slurm=('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'),
    mpi=('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'),
)
_STARTED_BY = dict(pytorch='torchrun', slurm='srun', mpi='mpirun')
_TORCHRUN = 'torchrun --nproc_per_node 2 tools/train.py CONFIG --launcher pytorch'


def is_first_process(launcher: str) -> bool:
    """Return whether this is the process that writes files, before the processes are connected."""
    return os.environ.get(_RANKS.get(launcher, ''), '0') == '0'


def prepare_launcher(cfg: Config) -> None:
    """Check that the launcher's program has started this process; without a GPU, use the CPU.

    mmengine sets the CUDA device of each process, so it cannot connect processes on a machine
    without a GPU. They are connected here then, with gloo, and DDP gets no device. mmengine's
    synchronised batch norm needs a GPU as well; each process normalises its own images then.

    Args:
        cfg (Config): With ``launcher``.

    Raises:
        RunError: If a variable of the launcher is missing, or only 'pytorch' would work.
    """
    launcher = cfg.get('launcher', 'none')
    if launcher == 'none':
        return
    missing = [name for name in _VARIABLES[launcher] if name not in os.environ]
    if missing:
        example = f', such as `{_TORCHRUN}`' if launcher == 'pytorch' else ''
        raise RunError(
            f'--launcher {launcher} needs processes that {_STARTED_BY[launcher]} starts{example}; '
            f'it would have set {", ".join(missing)}. For one process, leave out --launcher.'
        )
    if get_device() != 'cpu':
        return
    if launcher != 'pytorch':
        raise RunError(
            f'--launcher {launcher} needs GPUs, and torch finds none. On CPUs use `{_TORCHRUN}`.'
        )
    if not distributed.is_initialized():
        distributed.init_process_group('gloo')
    cfg.setdefault(
        'model_wrapper_cfg',
        dict(
            type='MMDistributedDataParallel',
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        ),
    )
    cfg.model_wrapper_cfg.device_ids = None
    if _replace_sync_bn(cfg.model):
        print_log(
            'Without a GPU, batch norm is not synchronised: each process normalises its images.',
            logger='current',
        )


def _replace_sync_bn(part) -> bool:
    """Replace the type SyncBN by BN, and return whether there was one."""
    found = False
    if isinstance(part, dict):
        if part.get('type') == 'SyncBN':
            part['type'] = 'BN'
            found = True
        for value in part.values():
            found |= _replace_sync_bn(value)
    elif isinstance(part, (list, tuple)):
        for value in part:
            found |= _replace_sync_bn(value)
    return found
