"""Files with class embeddings: ours, which name their classes, and those of VPD and mmseg."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from os import PathLike
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from mmtadp.utils.atomic_files import write_file
from mmtadp.utils.errors import RunError
from mmtadp.utils.tensor_files import check_finite, is_safetensors, read_tensors
from mmtadp.version import __version__

# Kinds of content, and the prompt types that read them.
AVERAGE_EOS = 'average_eos'  # one row per class: AverageEOSPrompt, CategoryEOSPrompt
CLASS_EMBEDDINGS = 'class_embeddings'  # one row per token of each name: ClassEmbeddingsPrompt
KINDS = (AVERAGE_EOS, CLASS_EMBEDDINGS)
_TENSOR = 'embeddings'
_ADVICE = "It should hold one tensor, as VPD's and mmseg's files do, or be a .safetensors file"


class EmbeddingsError(RunError):
    """Signal a file of embeddings that cannot be used; the message names it."""


@dataclass(frozen=True)
class EmbeddingsFile:
    """Hold embeddings and the metadata of their file.

    Attributes:
        path (Path): The file.
        embeddings (Tensor): (T, D), float32.
        kind (str, optional): One of :data:`KINDS`. None if the file has no metadata, like a
            ``.pth`` file of VPD or mmseg, in which rows are classes.
        class_names (list[str], optional): None if the file has no metadata.
        provenance (dict[str, str], optional): Other metadata: text encoder, templates, versions.
    """

    path: Path
    embeddings: Tensor
    kind: str | None = None
    class_names: list[str] | None = None
    provenance: dict[str, str] | None = None


def save_embeddings(
    path: Path,
    embeddings: Tensor,
    kind: str,
    class_names: Sequence[str],
    provenance: dict[str, str] | None = None,
) -> None:
    """Write embeddings and their metadata to a safetensors file, atomically.

    Args:
        path (Path): The file.
        embeddings (Tensor): (T, D).
        kind (str): One of :data:`KINDS`.
        class_names (Sequence[str]): C class names.
        provenance (dict[str, str], optional): Other metadata. Versions of mmtadp, torch and
            transformers are added.
    """
    described = dict(
        provenance or {},
        kind=kind,
        class_names=json.dumps(list(class_names)),
        mmtadp=__version__,
        **{name: metadata.version(name) for name in ('torch', 'transformers')},
    )
    # Each process of a distributed run may write the file: same content, replaced atomically.
    tensors = {_TENSOR: embeddings.detach().contiguous().cpu()}
    write_file(path, lambda new: save_file(tensors, new, described))


def read_embeddings(path: str | PathLike) -> EmbeddingsFile:
    """Read a file of embeddings without executing code in it.

    Args:
        path (str | PathLike): A ``.safetensors`` file from :func:`save_embeddings`, or a file from
            ``torch.save`` with one tensor, such as VPD's ``class_embeddings.pth``. Relative paths
            are relative to the working directory.

    Returns:
        EmbeddingsFile: The content.

    Raises:
        FileNotFoundError: If the file does not exist.
        EmbeddingsError: If it holds anything but one tensor (T, D).
        TensorFileError: If it cannot be read, or a value is not finite.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"embeddings='{path}' is not a file (looked at {path.absolute()})")
    content = read_tensors(path, 'embeddings', _ADVICE)
    if isinstance(content, dict):
        if len(content) != 1:
            raise EmbeddingsError(
                f"embeddings='{path}' holds {len(content)} entries ({list(content)[:3]}). "
                f'{_ADVICE}.'
            )
        content = next(iter(content.values()))
    if not isinstance(content, Tensor) or content.ndim != 2 or not content.is_floating_point():
        found = type(content).__name__
        if isinstance(content, Tensor):
            found = f'{content.dtype} of shape {tuple(content.shape)}'
        raise EmbeddingsError(f"embeddings='{path}' should hold floats (T, D), not {found}.")
    check_finite(f"embeddings='{path}'", {_TENSOR: content})
    described = _metadata(path)
    names = described.pop('class_names', None)
    return EmbeddingsFile(
        path,
        content.detach().float().contiguous(),
        described.pop('kind', None),
        None if names is None else _class_names(names, path),
        described,
    )


def _metadata(path: Path) -> dict[str, str]:
    if not is_safetensors(path):
        return {}
    with safe_open(path, framework='pt') as file:
        return dict(file.metadata() or {})


def _class_names(text: str, path: Path) -> list[str]:
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise EmbeddingsError(
            f"embeddings='{path}': its metadata should list class names, not {text[:60]!r}. Write "
            'the file again with tools/misc/class_embeddings.py.'
        )
    return names


def is_to_be_read(path: str | PathLike | None, skip_pretrained: bool) -> bool:
    """Return whether a prompt reads its file of embeddings.

    Args:
        path (str | PathLike, optional): The file, if there is one.
        skip_pretrained (bool): The embeddings come from a checkpoint. The file is then read only
            where it is there, to compare the two.
    """
    return path is not None and (not skip_pretrained or Path(path).expanduser().is_file())


def fitting_embeddings(
    path: str | PathLike, kind: str, class_names: Sequence[str], shape: Sequence[int]
) -> Tensor:
    """Read the embeddings of a prompt.

    Args:
        path (str | PathLike): See :func:`read_embeddings`.
        kind (str): One of :data:`KINDS`.
        class_names (Sequence[str]): The prompt's class names.
        shape (Sequence[int]): Number of tokens T and width D of the prompt.

    Returns:
        Tensor: (T, D).

    Raises:
        FileNotFoundError, TensorFileError: See :func:`read_embeddings`.
        EmbeddingsError: If the file's kind, classes or shape differ from the prompt's.
    """
    file = read_embeddings(path)
    source = f"embeddings='{file.path}'"
    if file.kind not in (kind, None):
        raise EmbeddingsError(f'{source} holds {file.kind}, this prompt takes {kind}.')
    if file.class_names is not None and file.class_names != list(class_names):
        at = next(
            (i for i, (a, b) in enumerate(zip(file.class_names, class_names)) if a != b),
            min(len(file.class_names), len(class_names)),
        )
        there, here = (names[at : at + 1] for names in (file.class_names, list(class_names)))
        raise EmbeddingsError(
            f'{source} has {len(file.class_names)} classes, the prompt has {len(class_names)}; '
            f'the first that differs is {at}: {there} in the file, {here} in the prompt.'
        )
    tokens, width = shape
    if file.embeddings.shape[0] != tokens:
        what = 'one per class' if kind == AVERAGE_EOS else "the class names' tokens"
        raise EmbeddingsError(
            f'{source} has {file.embeddings.shape[0]} rows, the prompt needs {tokens} ({what}).'
        )
    if file.embeddings.shape[1] != width:
        raise EmbeddingsError(
            f'{source} has rows of width {file.embeddings.shape[1]}, the text encoder of this '
            f'model gives {width}. Use embeddings that this text encoder computed.'
        )
    # Tools that need shapes only build models on the meta device.
    return file.embeddings.to(torch.get_default_device())
