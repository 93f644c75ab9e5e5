"""Weights of other implementations in the layout of this one, and back."""

from .checkpoint_file import (
    CheckpointError,
    CheckpointFile,
    check_free,
    read_checkpoint,
)
from .ledger import Ledger, Report
from .stable_diffusion import (
    compvis_state_dict,
    folder_to_single_file,
    single_file_to_folder,
)

__all__ = [
    'CheckpointError',
    'CheckpointFile',
    'Ledger',
    'Report',
    'check_free',
    'compvis_state_dict',
    'folder_to_single_file',
    'read_checkpoint',
    'single_file_to_folder',
]
