"""Read files of tensors without running the code that a pickle may hold."""

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from mmtadp.utils.errors import RunError
from mmtadp.utils.file_kinds import (
    AGAIN,
    SAFETENSORS,
    TORCH_ZIP,
    Problem,
    pickle_globals,
    tensor_format,
)

# Entries that hold the weights: of Lightning, mmcv and CompVis; of VPD's and TADP's depth models.
_WRAPPERS = ('state_dict', 'model')
# Names of code in a message.
_MAX_NAMES = 5
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
            such as the state of the optimizer; text and numbers among the weights hold none.
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
    remedy: str = '',
    map_location: Any = 'cpu',
) -> Any:
    """Read a ``.safetensors`` file, or one that ``torch.save`` wrote, as tensors only.

    The content decides which of the two it is, not the suffix.

    Args:
        path (Path): The file.
        argument (str): The argument that names it, for messages.
        advice (str): The way out if it holds more than tensors, for messages, without a full stop.
        allow_pickle (bool): Execute the code in the file. Only for files that the user trusts.
        mmap (bool): Leave tensors on disk until they are used: for those that are copied at once.
        remedy (str): The way out if it is damaged; by default, to download or copy it again.
        map_location: As in :func:`torch.load`; by default host memory, where tensors of a
            ``.safetensors`` file always are.

    Returns:
        Any: The saved object; of ``.safetensors`` a dict of tensors.

    Raises:
        OSError: If the file cannot be opened.
        TensorFileError: If it cannot be read as tensors alone.
    """
    source = f"{argument}='{path}'"
    return _read(Path(path), source, advice, allow_pickle, mmap, remedy, map_location)


def _read(
    path: Path,
    source: str,
    advice: str,
    allow_pickle: bool,
    mmap: bool,
    remedy: str = '',
    map_location: Any = 'cpu',
) -> Any:
    try:
        found = tensor_format(path)
        if isinstance(found, Problem):
            raise TensorFileError(f'{source} {found.what}. {remedy or found.remedy}.')
        if found == SAFETENSORS:
            tensors = load_file(path, device='cpu')
            # These are parts of the file: another program that writes to it would change them.
            return tensors if mmap else {name: value.clone() for name, value in tensors.items()}
        kwargs = dict(map_location=map_location, weights_only=not allow_pickle)
        if mmap and found == TORCH_ZIP and path.suffix != '.safetensors':
            return torch.load(path, mmap=True, **kwargs)
        # Of a path, torch takes the suffix for the format.
        with open(path, 'rb') as file:
            return torch.load(file, **kwargs)
    except (OSError, TensorFileError):
        raise
    except Exception as error:  # a broken pickle can fail in many ways
        reason = explain_unreadable(path, error, advice, remedy)
        raise TensorFileError(f'{source} {reason}') from error


def explain_unreadable(
    path: Path, error: BaseException | None = None, advice: str = '', remedy: str = ''
) -> str:
    """Return why a file cannot be read as tensors alone, whoever tried to read it.

    The reason is that of the file itself: whether it exists, its size, its first bytes, the code
    in it. The advice of torch to read it unsafely is never passed on.

    Args:
        path (Path): The file.
        error (BaseException, optional): The error of the library that tried to read it.
        advice (str): The way out if it holds more than tensors, without a full stop.
        remedy (str): The way out if it is damaged; by default, to download or copy it again.

    Returns:
        str: The end of a sentence that begins with the file's name, and the way out, such as 'is
        empty (0 bytes). Download or copy it again.'
    """
    path = Path(path)
    try:
        found = tensor_format(path)
    except FileNotFoundError:
        return f'does not exist (looked at {path.absolute()}).'
    except OSError as problem:
        return f'cannot be opened ({problem.strerror or problem}). Check its permissions.'
    if isinstance(found, Problem):
        return f'{found.what}. {remedy or found.remedy}.'
    if isinstance(error, ImportError):
        return (
            f'holds objects of a package that is not installed here ({error}). Install it, or, '
            'where it is installed, save the weights alone, as tensors by name.'
        )
    if isinstance(error, MemoryError):
        return 'does not fit in the memory of this machine.'
    code = [] if found == SAFETENSORS else _disallowed(path, error)
    if code:
        advice = f'{advice}; mmtadp' if advice else 'mmtadp'
        return (
            f'cannot be read as tensors alone (it holds {", ".join(code)}). {advice} never '
            'executes code from a file unless you ask for it.'
        )
    return f'is damaged or incomplete{_first_line(error)}. {remedy or AGAIN}.'


def _disallowed(path: Path, error: BaseException | None) -> list[str]:
    """Return the names in a file of torch.save that are not read as tensors alone."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # only of zip archives, and of complete ones
        names = []
    names = sorted(names) or re.findall(r'GLOBAL ([\w.]+)', str(error or ''))
    if names or not isinstance(error, pickle.UnpicklingError):
        return names[:_MAX_NAMES]
    return pickle_globals(path)[:_MAX_NAMES]


def _first_line(error: BaseException | None) -> str:
    """Return the first line of an error in brackets, unless it is advice to read unsafely."""
    line = next(iter(str(error or '').splitlines()), '')
    return f' ({line.rstrip(".")})' if line and 'weights_only' not in line else ''


def is_safetensors(path: Path) -> bool:
    """Return whether a file is a ``.safetensors`` file, by its content."""
    return tensor_format(path) == SAFETENSORS


def check_finite(source: str, tensors: Mapping[str, Tensor], advice: str = '') -> None:
    """Refuse tensors with NaN or infinity: whatever is computed from them would be NaN.

    Args:
        source (str): Where they come from, for messages.
        tensors (Mapping[str, Tensor]): Name to tensor; those on the meta device are left out.
        advice (str): The way out, without a full stop.

    Raises:
        TensorFileError: If a value is not finite; names the first such tensor.
    """
    bad = [name for name, tensor in tensors.items() if not _is_finite(tensor)]
    if bad:
        raise TensorFileError(
            f'{source}: {len(bad)} of {len(tensors)} tensors hold NaN or infinity, e.g. '
            f"'{bad[0]}': the training or conversion that wrote them failed. "
            f'{advice or "Use weights that are finite"}.'
        )


def _is_finite(tensor: Tensor) -> bool:
    if tensor.is_meta or not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    # torch has no isfinite for the types of 8 bits.
    tensor = tensor if tensor.element_size() > 1 else tensor.float()
    # A NaN or infinity anywhere survives the sum, which takes a fiftieth of the time. A sum of
    # finite values may overflow.
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())


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
    if not path.exists():
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
    if len(other) == len(content):
        raise TensorFileError(
            f'{source}: the entry {other[0]!r} is a {type(content[other[0]]).__name__}, not a '
            f'tensor, and so are {len(other) - 1} others. Expected weights by name, in the file '
            f'or in its entry {" or ".join(map(repr, _WRAPPERS))}.'
        )
    # Programs that merge models leave text and numbers, such as the names of their recipes.
    file.other_entries.update((str(key), _count_tensors(content[key])) for key in other)
    content = {str(key): content[key] for key in content if key not in other}
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
