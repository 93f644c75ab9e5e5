"""Read the checkpoint that is converted, and protect the files that are written."""

from pathlib import Path

from mmtadp.utils.errors import RunError
from mmtadp.utils.tensor_files import WeightsFile, read_weights


class CheckpointError(RunError):
    """A checkpoint that cannot be converted; the message names it."""


def read_checkpoint(path: Path, allow_pickle: bool = False) -> WeightsFile:
    """Read the weights of a ``.safetensors``, ``.ckpt``, ``.pth`` or ``.pt`` file.

    Args:
        path (Path): The file.
        allow_pickle (bool): Read a pickle that holds more than tensors and plain containers,
            which executes the code in it.

    Returns:
        WeightsFile: Its weights.

    Raises:
        FileNotFoundError: If there is no such file.
        TensorFileError: If it cannot be read, holds code, or does not hold weights.
    """
    advice = 'If you trust its origin, read it with --allow-pickle, which executes the code in it'
    # Unused tensors, such as an optimizer's, stay on disk.
    return read_weights(path, str(path), advice, allow_pickle, mmap=True)


def check_free(target: Path, overwrite: bool) -> None:
    """Refuse to replace an existing file before hours of work are done.

    Raises:
        CheckpointError: If ``target`` exists and ``overwrite`` is False.
    """
    if Path(target).exists() and not overwrite:
        raise CheckpointError(f'{target} exists: give another name, or --overwrite to replace it')
