"""Read files of tensors without running the code that a pickle may hold."""

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from mmtadp.utils.errors import RunError

# Entries that hold the weights: of Lightning, mmcv and CompVis; of VPD's and TADP's depth models.
_WRAPPERS = ('state_dict', 'model')
# Prefix of every key that DistributedDataParallel adds.
_PARALLEL = 'module.'


class TensorFileError(RunError):
    """A file that holds more than tensors and plain containers, or is broken."""


@dataclass
class WeightsFile:
    """The weights in a file, and its other entries.

    Attributes:
        path (Path): The file.
        tensors (dict[str, Tensor]): Key to weight, without wrappers and their prefixes.
        wrappers (list[str]): The wrappers that were removed, such as 'state_dict' and 'module.'.
        meta (dict[str, Any]): Metadata of mmcv: its config as text, classes.
        other_entries (dict[str, int]): Other entries of the file and how many tensors each holds,
            such as the state of the optimizer.
    """

    path: Path
    tensors: dict[str, Tensor]
    wrappers: list[str] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    other_entries: dict[str, int] = field(default_factory=dict)


def read_tensors(
    path: Path,
    argument: str,
    advice: str,
    allow_pickle: bool = False,
    mmap: bool = False,
) -> Any:
    """Read a ``.safetensors`` file, or one that ``torch.save`` wrote, as tensors only.

    Args:
        path (Path): The file.
        argument (str): The argument that names it, for messages.
        advice (str): The way out if it cannot be read, for messages, without a full stop.
        allow_pickle (bool): Execute the code in the file. Only for files that the user trusts.
        mmap (bool): Leave tensors on disk until they are used.

    Returns:
        Any: The saved object, in host memory; of ``.safetensors`` a dict of tensors.

    Raises:
        OSError: If the file cannot be opened.
        TensorFileError: If it cannot be read as tensors alone.
    """
    return _read(Path(path), f"{argument}='{path}'", advice, allow_pickle, mmap)


def _read(path: Path, source: str, advice: str, allow_pickle: bool, mmap: bool) -> Any:
    try:
        if path.suffix == '.safetensors':
            return load_file(path, device='cpu')
        return torch.load(
            path,
            map_location='cpu',
            weights_only=not allow_pickle,
            mmap=mmap and zipfile.is_zipfile(path),
        )
    except OSError:
        raise
    except ImportError as error:
        raise TensorFileError(
            f'{source} holds objects of a package that is not installed here ({error}). Install '
            'it, or, where it is installed, save the weights alone: '
            "torch.save(torch.load(PATH, weights_only=False)['state_dict'], NEW)."
        ) from error
    except Exception as error:  # a broken pickle can fail in many ways
        raise TensorFileError(
            f'{source} cannot be read as tensors alone ({_reason(path, error)}). {advice}; mmtadp '
            'never executes code from a file unless you ask for it.'
        ) from error


def _reason(path: Path, error: Exception) -> str:
    """Return the problem, without torch's advice to read the file unsafely."""
    message = str(error) or type(error).__name__
    if isinstance(error, pickle.UnpicklingError):
        names = re.findall(r'GLOBAL (\S+)', message)
        if zipfile.is_zipfile(path):
            names = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path)) or names
        if names:
            return f'it holds {", ".join(names)}'
    return f'{message.splitlines()[0]}: is it complete?'


def read_weights(
    path: Path, source: str, advice: str, allow_pickle: bool = False, mmap: bool = False
) -> WeightsFile:
    """Read the weights of a ``.safetensors``, ``.ckpt``, ``.pth``, ``.pt`` or ``.bin`` file.

    Args:
        path (Path): The file.
        source (str): The name of the file in messages.
        advice (str): See :func:`read_tensors`.
        allow_pickle (bool): See :func:`read_tensors`.
        mmap (bool): See :func:`read_tensors`.

    Returns:
        WeightsFile: Its weights.

    Raises:
        FileNotFoundError: If there is no such file.
        TensorFileError: If it cannot be read, holds code, or does not hold weights.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'{source} is not a file (looked at {path.absolute()})')
    content = _read(path, source, advice, allow_pickle, mmap)
    return _unwrap(WeightsFile(path, {}), source, content)


def _unwrap(file: WeightsFile, source: str, content: Any) -> WeightsFile:
    while isinstance(content, Mapping):
        inside = next((key for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inside is None:
            break
        file.wrappers.append(inside)
        if isinstance(content.get('meta'), Mapping):
            file.meta.update(content['meta'])
        for key, value in content.items():
            if key != inside and _count_tensors(value):
                file.other_entries[str(key)] = _count_tensors(value)
        content = content[inside]
    if not isinstance(content, Mapping) or not content:
        found = 'nothing' if content == {} else f'a {type(content).__name__}'
        raise TensorFileError(f'{source} holds {found}, not weights by name')
    other = [key for key, value in content.items() if not isinstance(value, Tensor)]
    if other:
        raise TensorFileError(
            f'{source}: the entry {other[0]!r} is a {type(content[other[0]]).__name__}, not a '
            f'tensor, and so are {len(other) - 1} others. Expected weights by name, in the file '
            f'or in its entry {" or ".join(map(repr, _WRAPPERS))}.'
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
