"""Convert weights of other implementations to the layout of mmtadp, and back."""

from .checkpoint_file import CheckpointError, check_free, read_checkpoint
from .stable_diffusion import (
    compvis_state_dict,
    folder_to_single_file,
    single_file_to_folder,
)
from .tensor_tracker import Report, TensorTracker

__all__ = [
    'CheckpointError',
    'TensorTracker',
    'Report',
    'check_free',
    'compvis_state_dict',
    'folder_to_single_file',
    'read_checkpoint',
    'single_file_to_folder',
]
