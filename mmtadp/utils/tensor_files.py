"""Files of tensors, read without running what a pickle may hold."""

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file


class TensorFileError(ValueError):
    """A file that holds more than tensors and plain containers, or is broken."""


def read_tensors(path: Path, argument: str, advice: str) -> Any:
    """Reads a ``.safetensors`` file, or one that ``torch.save`` wrote, as tensors only.

    Args:
        path (Path): The file.
        argument (str): The argument that names it, for messages.
        advice (str): What to do if it cannot be read, for messages.

    Returns:
        Any: What was saved, in host memory; of ``.safetensors`` a dict of tensors.

    Raises:
        OSError: If the file cannot be opened.
        TensorFileError: If it cannot be read as tensors alone.
    """
    try:
        if path.suffix == '.safetensors':
            return load_file(path, device='cpu')
        return torch.load(path, map_location='cpu', weights_only=True)
    except OSError:
        raise
    except Exception as error:  # there are many ways to fail on what is no pickle at all
        raise TensorFileError(
            f"{argument}='{path}' cannot be read as tensors alone ({_reason(error)}). {advice}; "
            'mmtadp never executes code from a file.'
        ) from error


def _reason(error: Exception) -> str:
    """What is wrong, without torch's advice to read the file unsafely."""
    found = re.search(r'GLOBAL (\S+)', str(error))
    if found:
        return f'it holds {found[1]}'
    return (str(error) or type(error).__name__).splitlines()[0]
