"""Make a checkpoint of mmengine's runner hold tensors and plain values only.

``torch.load`` then reads it safely wherever torch is, without mmtadp, mmengine or NumPy. As
mmengine writes it, it holds the log history as objects with NumPy arrays, scores as NumPy scalars,
and what a dataset has in its ``metainfo``.
"""

import logging
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log
from torch import Tensor

# Weights are tensors; their dict has versions of modules as an attribute, which a copy would lose.
_WEIGHTS = ('state_dict', 'ema_state_dict')
_PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device)
_HISTORY = ('log_history', 'count_history', 'max_length')


def make_plain(checkpoint: dict) -> None:
    """Replace what is not plain in a checkpoint, just before it is saved.

    Log histories become dicts of tensors, which :func:`restore_histories` reads. An object of any
    other class becomes its text, with a warning: the file could not be read safely.

    Args:
        checkpoint (dict): See mmengine's ``Runner.save_checkpoint``. It is changed.
    """
    for key in checkpoint.keys() - set(_WEIGHTS):
        checkpoint[key] = plain_value(checkpoint[key], key)


def restore_histories(checkpoint: dict) -> None:
    """Make log histories mmengine's objects again, after a checkpoint was read.

    Args:
        checkpoint (dict): It is changed. One that :func:`make_plain` has not seen stays as it is.
    """
    hub = checkpoint.get('message_hub')
    scalars = hub.get('log_scalars') if isinstance(hub, dict) else None
    for name, value in scalars.items() if isinstance(scalars, dict) else ():
        if isinstance(value, dict) and value.keys() == set(_HISTORY):
            values, counts, length = (value[key] for key in _HISTORY)
            scalars[name] = HistoryBuffer(values.cpu().numpy(), counts.cpu().numpy(), length)


def plain_value(value: Any, name: str) -> Any:
    """Return a value as tensors, numbers, text, lists, tuples and dicts.

    Args:
        value (Any): Any object.
        name (str): Its name, for the warning about an object of another class.
    """
    if type(value) in _PLAIN or isinstance(value, Tensor):
        return value
    if isinstance(value, HistoryBuffer):
        values, counts = map(torch.from_numpy, map(np.copy, value.data))
        return dict(zip(_HISTORY, (values, counts, value.max_length)))
    if isinstance(value, np.generic):
        # Of some types, such as long doubles, Python has none.
        item = value.item()
        return float(item) if isinstance(item, np.floating) else plain_value(item, name)
    if isinstance(value, np.ndarray):
        return plain_value(value.tolist(), name)
    if isinstance(value, Mapping):
        return {plain_value(k, name): plain_value(v, f'{name}.{k}') for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(plain_value(item, f'{name}.{i}') for i, item in enumerate(value))
    if isinstance(value, (list, set, frozenset, range)):
        return [plain_value(item, f'{name}.{i}') for i, item in enumerate(value)]
    # Subclasses, such as members of an enumeration.
    for base in (int, float, str):
        if isinstance(value, base):
            return base(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    print_log(
        f'the checkpoint has the text of {name}, a {type(value).__name__}, as it holds plain '
        'values only',
        logger='current',
        level=logging.WARNING,
    )
    return str(value)
