"""Read checkpoints of runs as tensors and plain values only, whoever reads them."""

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader

from .tensor_files import TensorFileError, read_tensors

_FORCE_SAFE = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
_FORCE_UNSAFE = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
# The switches are the process's.
_lock = threading.RLock()
_ADVICE = (
    'A checkpoint of a run holds tensors, numbers and text; from another file that you trust, '
    "save its 'state_dict' alone"
)


def register_checkpoint_classes() -> None:
    """Allow ``torch.load(..., weights_only=True)`` to read what mmengine writes.

    In addition to tensors and plain containers, a checkpoint of mmengine's runner holds the log
    history (``HistoryBuffer``, with numpy arrays of values and counts) and the best scores (numpy
    scalars). Upstream's mmengine loads without allowing them, so torch >= 2.6 refuses its own
    checkpoints. Those that ``CaptionPromptHook`` has made plain do not need it.
    """
    multiarray = np._core.multiarray
    allowed = {
        'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
        'builtins.getattr': _method_of_history_buffer,
        'numpy.ndarray': np.ndarray,
        'numpy.dtype': np.dtype,
    }
    # As numpy 2 names them, and as numpy 1 did.
    for module in ('numpy._core.multiarray', 'numpy.core.multiarray'):
        allowed[f'{module}._reconstruct'] = multiarray._reconstruct
        allowed[f'{module}.scalar'] = multiarray.scalar
    for code in f'?{np.typecodes["AllInteger"]}{np.typecodes["AllFloat"]}':
        dtype = type(np.dtype(code))
        allowed[f'{dtype.__module__}.{dtype.__qualname__}'] = dtype
    # With their names: the onedl set's mmengine allows the bare classes for each load, and
    # afterwards disallows them again, whoever has allowed them.
    torch.serialization.add_safe_globals([(value, name) for name, value in allowed.items()])


def _method_of_history_buffer(owner: type, name: str) -> Callable:
    """Stands in for ``getattr``, with which a ``HistoryBuffer`` pickles its own methods.

    ``getattr`` itself would hand a checkpoint the insides of everything it may name.

    Raises:
        UnpicklingError: If anything else is asked for.
    """
    if owner is not HistoryBuffer or name.startswith('_'):
        raise UnpicklingError(f'a checkpoint may not read the attribute {name!r} of {owner!r}')
    return getattr(owner, name)


def load_checkpoints_safely() -> None:
    """Make mmengine read every checkpoint as tensors and plain values only.

    On its own, the onedl set's mmengine reads a local file again with code in it if a safe load
    refuses it, and torch's loader of web addresses, which both sets call, always reads so. A
    runner, ``load_from``, ``init_cfg`` and every ``load_checkpoint`` come through the two places
    that are replaced here.
    """
    CheckpointLoader.register_scheme('', loader=load_from_local, force=True)
    load = CheckpointLoader.load_checkpoint

    @functools.wraps(load)
    def load_safely(filename: str, *args, **kwargs) -> Any:
        with _only_safely():
            try:
                return load(filename, *args, **kwargs)
            except (UnpicklingError, EOFError) as error:
                # Of another storage than the local one.
                raise TensorFileError(
                    f'{filename} cannot be read as tensors alone. {_ADVICE}.'
                ) from error

    CheckpointLoader.load_checkpoint = staticmethod(load_safely)


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Return the content of a checkpoint, read as tensors and plain values only.

    Args:
        filename (str): A file that ``torch.save`` wrote, or a ``.safetensors`` file.
        map_location: As in :func:`torch.load`.

    Raises:
        RunError: If it cannot be read so; the message tells what the file is.
        FileNotFoundError: If there is no such file.
    """
    path = Path(filename).expanduser()
    if not path.exists():
        raise FileNotFoundError(f'the checkpoint {filename} does not exist ({path.absolute()})')
    return read_tensors(path, 'checkpoint', _ADVICE, map_location=map_location)


@contextmanager
def _only_safely() -> Iterator[None]:
    """Inside, ``torch.load`` never unpickles arbitrary objects, whatever its caller asks for.

    torch has a switch that overrules the argument, and one that does the opposite; with both set
    it fails. They are set for a time rather than at import, so that other code in the process
    keeps its own choice.
    """
    with _lock:
        before = {name: os.environ.pop(name, None) for name in (_FORCE_SAFE, _FORCE_UNSAFE)}
        os.environ[_FORCE_SAFE] = '1'
        try:
            yield
        finally:
            del os.environ[_FORCE_SAFE]
            os.environ.update({name: old for name, old in before.items() if old is not None})
