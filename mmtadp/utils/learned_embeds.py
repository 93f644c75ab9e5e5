"""Files of textual inversion: a learned token and its vectors.

Pipeline transforms read the token's name, the text encoder its vectors.
"""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Tuple, Union

import torch
from torch import Tensor

from .tensor_files import read_tensors

SUFFIXES = ('.safetensors', '.bin', '.pt')
_EXAMPLE = "{'<night>': tensor of shape (768,) or (number of vectors, 768)}"
# automatic1111 calls the vectors so in .safetensors files, which then do not name the token.
_UNNAMED = 'emb_params'


class LearnedEmbedsError(ValueError):
    """A file of textual inversion that cannot be used; the message names it."""


@dataclass(frozen=True)
class LearnedToken:
    """What textual inversion learned.

    Attributes:
        name (str): How captions write the token, such as '<night>'.
        vectors (Tensor): Its embeddings, float32, (n, D); captions write several as one token.
        path (Path): The file.
    """

    name: str
    vectors: Tensor
    path: Path


def read_learned_token(path: Union[str, PathLike]) -> LearnedToken:
    """Reads a textual inversion file, as tensors only: code in it is never executed.

    Args:
        path (str | PathLike): A ``.safetensors``, ``.bin`` or ``.pt`` file in the format of
            diffusers (the token's name and its vectors), or of automatic1111 (``name`` and
            ``string_to_param``). Relative ones are relative to the working directory.

    Returns:
        LearnedToken: The token.

    Raises:
        FileNotFoundError: If there is no such file.
        TensorFileError: If it cannot be read.
        LearnedEmbedsError: If it is not what it should be.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"learned_embeds='{path}' is no file (looked at {path.absolute()}). It should be what "
            "textual inversion saves, such as 'learned_embeds.safetensors'."
        )
    name, vectors = _name_and_vectors(_read(path), path)
    if not isinstance(name, str) or not name or name != name.strip():
        raise _error(path, f'the name of the token is {name!r}, not text without outer spaces')
    if name == _UNNAMED:
        raise _error(
            path, f"it calls the vectors '{_UNNAMED}' and does not name the token; save {_EXAMPLE}"
        )
    if not isinstance(vectors, Tensor) or not vectors.is_floating_point():
        found = vectors.dtype if isinstance(vectors, Tensor) else type(vectors).__name__
        raise _error(path, f'the token {name!r} should have float vectors, not {found}')
    shape = tuple(vectors.shape)
    if vectors.ndim not in (1, 2) or vectors.numel() == 0:
        raise _error(path, f'the vectors of {name!r} have the shape {shape}, not (D,) or (n, D)')
    vectors = vectors.detach().float().reshape(-1, shape[-1]).contiguous()
    if not torch.isfinite(vectors).all():
        raise _error(path, f'the vectors of {name!r} hold NaN or infinity; the training diverged')
    return LearnedToken(name, vectors, path)


def _error(path: Path, problem: str) -> LearnedEmbedsError:
    return LearnedEmbedsError(f"learned_embeds='{path}': {problem}.")


def _read(path: Path) -> Any:
    if path.suffix not in SUFFIXES:
        raise _error(path, f'it should be a {", ".join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file')
    return read_tensors(path, 'learned_embeds', f'Save {_EXAMPLE} as .safetensors')


def _name_and_vectors(content: Any, path: Path) -> Tuple[Any, Any]:
    if not isinstance(content, dict):
        raise _error(path, f'it holds a {type(content).__name__}, not {_EXAMPLE}')
    if 'string_to_param' in content:
        vectors = content['string_to_param']
        if 'name' not in content or not isinstance(vectors, dict) or len(vectors) != 1:
            raise _error(
                path, f"automatic1111's format has a 'name' and one tensor; save {_EXAMPLE}"
            )
        return content['name'], next(iter(vectors.values()))
    if len(content) != 1:
        found = ', '.join(repr(key) for key in list(content)[:3]) or 'nothing'
        raise _error(path, f'it should hold one token, {_EXAMPLE}, and holds {found}')
    return next(iter(content.items()))
