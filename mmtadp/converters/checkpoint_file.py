"""Checkpoints as files: read without executing them."""

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

# Where frameworks put the weights: Lightning, mmcv and CompVis; VPD's and TADP's depth models.
_WRAPPERS = ('state_dict', 'model')
# What DistributedDataParallel puts in front of every key.
_PARALLEL = 'module.'


class CheckpointError(ValueError):
    """A checkpoint that cannot be read or converted; the message names it."""


@dataclass
class CheckpointFile:
    """The weights in a file, and what else is in it.

    Attributes:
        path (Path): The file.
        tensors (Dict[str, Tensor]): Key to weight, wrappers and their prefixes taken off.
        wrappers (List[str]): What was taken off, such as 'state_dict' and 'module.'.
        meta (Dict[str, Any]): What mmcv wrote beside the weights: its config as text, classes.
        beside (Dict[str, int]): Other entries of the file and how many tensors each holds, such
            as the state of the optimizer.
    """

    path: Path
    tensors: Dict[str, Tensor]
    wrappers: List[str] = field(default_factory=list)
    meta: Dict[str, Any] = field(default_factory=dict)
    beside: Dict[str, int] = field(default_factory=dict)


def read_checkpoint(path: Path, allow_pickle: bool = False) -> CheckpointFile:
    """Reads the weights of a ``.safetensors``, ``.ckpt``, ``.pth`` or ``.pt`` file.

    Args:
        path (Path): The file.
        allow_pickle (bool): Read a pickle that holds more than tensors and plain containers,
            which executes whatever code is in it.

    Returns:
        CheckpointFile: Its weights.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it cannot be read, holds code, or holds no weights.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'{path} is no file (looked at {path.absolute()})')
    if path.suffix == '.safetensors':
        try:
            return CheckpointFile(path, load_file(path))
        except SafetensorError as error:
            raise CheckpointError(f'{path} cannot be read ({error}): is it complete?') from error
    return _unwrap(path, _unpickle(path, allow_pickle))


def _unpickle(path: Path, allow_pickle: bool) -> Any:
    try:
        # Tensors that are not used, such as an optimizer's, stay on disk.
        mmap = zipfile.is_zipfile(path)
        return torch.load(path, map_location='cpu', weights_only=not allow_pickle, mmap=mmap)
    except pickle.UnpicklingError as error:
        names = _foreign_names(path, str(error))
        if not names:
            raise CheckpointError(f'{path} cannot be read ({_first_line(error)})') from error
        raise CheckpointError(
            f'{path} holds more than tensors: reading it would import and may run '
            f'{", ".join(names)}. If you trust where it comes from, read it with --allow-pickle, '
            'which executes what is in it.'
        ) from error
    except ImportError as error:
        raise CheckpointError(
            f'{path} holds objects of a package that is not installed here ({error}). Install it, '
            'or, where it is, save the weights alone: '
            "torch.save(torch.load(PATH, weights_only=False)['state_dict'], NEW)."
        ) from error
    except Exception as error:  # there are many ways to fail on what is no pickle at all
        raise CheckpointError(
            f'{path} cannot be read ({_first_line(error)}): is it a complete checkpoint?'
        ) from error


def _foreign_names(path: Path, message: str) -> List[str]:
    """What a pickle would import that a checkpoint of tensors has no need of."""
    if zipfile.is_zipfile(path):
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    return re.findall(r'GLOBAL (\S+)', message)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _unwrap(path: Path, content: Any) -> CheckpointFile:
    file = CheckpointFile(path, {})
    while isinstance(content, Mapping):
        inside = next((key for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inside is None:
            break
        file.wrappers.append(inside)
        if isinstance(content.get('meta'), Mapping):
            file.meta.update(content['meta'])
        for key, value in content.items():
            if key != inside and _count_tensors(value):
                file.beside[str(key)] = _count_tensors(value)
        content = content[inside]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(
            f'{path} holds {"nothing" if content == {} else f"a {type(content).__name__}"}, not '
            'weights by name'
        )
    other = [key for key, value in content.items() if not isinstance(value, Tensor)]
    if other:
        raise CheckpointError(
            f'{path}: the entry {other[0]!r} is a {type(content[other[0]]).__name__}, not a '
            f'tensor, and so are {len(other) - 1} others: the weights should be the file, or its '
            f'entry {" or ".join(map(repr, _WRAPPERS))}'
        )
    if all(key.startswith(_PARALLEL) for key in content):
        file.wrappers.append(_PARALLEL)
        content = {key[len(_PARALLEL) :]: value for key, value in content.items()}
    file.tensors = dict(content)
    return file


def _count_tensors(value: Any) -> int:
    if isinstance(value, Tensor):
        return 1
    if isinstance(value, Mapping):
        return sum(map(_count_tensors, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_count_tensors, value))
    return 0


def check_free(target: Path, overwrite: bool) -> None:
    """Refuses to replace what is there, before hours of work are done.

    Raises:
        CheckpointError: If ``target`` exists and ``overwrite`` is False.
    """
    if Path(target).exists() and not overwrite:
        raise CheckpointError(f'{target} exists: give another name, or --overwrite to replace it')
