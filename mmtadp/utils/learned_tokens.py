"""Tokens that textual inversion has learned: their files, and their place in a text encoder.

Pipeline transforms read a token's name, the text encoder its vectors.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmtadp.utils.errors import RunError

from .tensor_files import read_tensors

if TYPE_CHECKING:
    from tokenizers import AddedToken
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

SUFFIXES = ('.safetensors', '.bin', '.pt')
_EXAMPLE = "{'<night>': tensor of shape (768,) or (number of vectors, 768)}"
# automatic1111 calls the vectors so in .safetensors files, which then do not name the token.
_UNNAMED = 'emb_params'


# Width of token embeddings to the family of text encoders.
_FAMILIES = {
    768: ' (Stable Diffusion 1.x)',
    1024: ' (Stable Diffusion 2.x)',
    1280: " (Stable Diffusion XL's second text encoder)",
}


class LearnedEmbedsError(RunError):
    """A file of textual inversion that cannot be used; the message names it."""


@dataclass(frozen=True)
class LearnedToken:
    """A token that textual inversion has learned.

    Attributes:
        name (str): How captions write the token, such as '<night>'.
        vectors (Tensor): Its embeddings, float32, (n, D); captions write one token for all n.
        path (Path): The file.
    """

    name: str
    vectors: Tensor
    path: Path

    def describe(self) -> dict[str, str | int]:
        """Return its name, its number of vectors, and a digest of their values."""
        digest = hashlib.sha256(self.vectors.cpu().numpy().tobytes()).hexdigest()
        return dict(name=self.name, vectors=len(self.vectors), digest=digest[:16])


class TokenTable(nn.Module):
    """Embed token ids by the tokenizer's own rows, and by learned rows that follow them.

    A state dict holds the tokenizer's own rows only. The learned ones always come from their
    files, so a checkpoint can be loaded with more, fewer or other learned tokens.

    Args:
        weight (nn.Parameter): The tokenizer's own rows, (V, D).
        learned (Tensor): The learned rows, (n, D).
        first (int): Id of the first learned row. Ids of the others follow it.
    """

    def __init__(self, weight: nn.Parameter, learned: Tensor, first: int) -> None:
        super().__init__()
        self.weight = weight
        self.register_buffer('learned', learned, persistent=False)
        self.first = first

    def forward(self, ids: Tensor) -> Tensor:
        """Embed ids: (N, T) -> (N, T, D)."""
        return embed_tokens(ids, self.weight, self.learned, self.first)


def embed_tokens(ids: Tensor, own: Tensor, learned: Tensor, first: int) -> Tensor:
    """Return embeddings from two tables.

    Args:
        ids (Tensor): Token ids, (N, T).
        own (Tensor): Rows of the tokenizer's own tokens, (V, D).
        learned (Tensor): Rows of learned tokens, (n, D).
        first (int): Id of the first learned row.

    Returns:
        Tensor: (N, T, D).
    """
    number = ids - first
    is_learned = (number >= 0) & (number < len(learned))
    known = F.embedding(ids.masked_fill(is_learned, 0), own)
    rows = F.embedding(number.clamp(0, len(learned) - 1), learned)
    return torch.where(is_learned.unsqueeze(-1), rows, known)


def read_learned_token(path: str | PathLike) -> LearnedToken:
    """Read a textual inversion file as tensors only; code in it is never executed.

    Args:
        path (str | PathLike): A ``.safetensors``, ``.bin`` or ``.pt`` file in the format of
            diffusers (the token's name and its vectors), or of automatic1111 (``name`` and
            ``string_to_param``). Relative ones are relative to the working directory.

    Returns:
        LearnedToken: The token.

    Raises:
        FileNotFoundError: If there is no such file.
        TensorFileError: If it cannot be read.
        LearnedEmbedsError: If it does not hold one token with its vectors.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"learned_embeds='{path}' is not a file (looked at {path.absolute()}). Expected the "
            "file that textual inversion saves, such as 'learned_embeds.safetensors'."
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


def _name_and_vectors(content: Any, path: Path) -> tuple[Any, Any]:
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


def read_learned_tokens(paths: str | PathLike | Sequence | None) -> list[LearnedToken]:
    """Read one file, several or none; see :func:`read_learned_token`.

    Raises:
        ValueError: If two files hold a token of the same name.
    """
    if isinstance(paths, (str, PathLike)):
        paths = [paths]
    tokens = [read_learned_token(path) for path in paths or ()]
    files: dict[str, LearnedToken] = {}
    for token in tokens:
        for name in _names(token):
            if name in files:
                raise LearnedEmbedsError(
                    f"learned_embeds: '{files[name].path}' and '{token.path}' both hold the token "
                    f'{name!r}. Leave one out, or rename the token in one.'
                )
            files[name] = token
    return tokens


def add_learned_tokens(
    text_model: CLIPTextModel, tokenizer: CLIPTokenizer, tokens: Sequence[LearnedToken]
) -> tuple[CLIPTextModel, CLIPTokenizer, dict[int, list[int]]]:
    """Extend a vocabulary and its embedding table, like diffusers' ``load_textual_inversion``.

    Of n vectors the first belongs to the token itself, the others to ``token_1`` to
    ``token_{n - 1}``.

    Args:
        text_model (CLIPTextModel): The text model; it is not changed.
        tokenizer (CLIPTokenizer): Its tokenizer; it is not changed.
        tokens (Sequence[LearnedToken]): The tokens to add.

    Returns:
        tuple: A text model whose embedding table is a :class:`TokenTable` and whose weights are
        shared with the given model; a tokenizer; and for each token the ids that its own id stands
        for. Without tokens, the arguments.

    Raises:
        ValueError: If a token's width is not that of the text model, or the tokenizer knows it.
    """
    if not tokens:
        return text_model, tokenizer, {}
    for token in tokens:
        _check(token, text_model.config, tokenizer)
    names = [name for token in tokens for name in _names(token)]
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.add_tokens([_added(name) for name in names])
    ids = tokenizer.convert_tokens_to_ids(names)
    for name, number in zip(names, ids):
        if _ids(tokenizer, name) != [number]:
            raise LearnedEmbedsError(
                f'learned_embeds: the tokenizer does not find the token {name!r} in a caption, as '
                'it normalises the caption first, or because another learned token is part '
                'of the name. Rename the token in its file.'
            )
    model = _with_rows(text_model, ids[0], torch.cat([token.vectors for token in tokens]))
    remaining = iter(ids)
    expansions = ([next(remaining) for _ in token.vectors] for token in tokens)
    return model, tokenizer, {expansion[0]: expansion for expansion in expansions}


def _names(token: LearnedToken) -> list[str]:
    return [token.name] + [f'{token.name}_{i}' for i in range(1, len(token.vectors))]


def _added(name: str) -> AddedToken:
    from tokenizers import AddedToken

    # Without brackets or the like around it, a name is found as a whole word only: 'zur' is not
    # part of 'azure'.
    return AddedToken(name, single_word=name[0].isalnum() or name[-1].isalnum())


def _ids(tokenizer: CLIPTokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False).input_ids


def _check(token: LearnedToken, config: CLIPTextConfig, tokenizer: CLIPTokenizer) -> None:
    count, own = token.vectors.shape
    width = config.hidden_size
    if own != width:
        raise LearnedEmbedsError(
            f"learned_embeds='{token.path}': the vectors of {token.name!r} have the width {own}"
            f'{_FAMILIES.get(own, "")}, the text encoder has {width}{_FAMILIES.get(width, "")}. '
            'A token works only with the text encoder that it was learned with.'
        )
    # Next to the start and the end of the text.
    room = config.max_position_embeddings - 2
    if count >= room:
        raise LearnedEmbedsError(
            f"learned_embeds='{token.path}': the token {token.name!r} has {count} vectors, and a "
            f'caption has room for {room} tokens: nothing would be left of it. Learn the token '
            'with fewer vectors.'
        )
    for name in _names(token):
        if len(_ids(tokenizer, name)) == 1:
            raise LearnedEmbedsError(
                f"learned_embeds='{token.path}': the tokenizer already knows {name!r}, so the "
                'token would change what captions with that word mean. Rename it in its file, for '
                'example to a name in angle brackets. If `pretrained` was saved with the token, '
                'leave learned_embeds out.'
            )


def _with_rows(text_model: CLIPTextModel, first: int, vectors: Tensor) -> CLIPTextModel:
    # A copy of the modules, not of the weights.
    shared = {id(tensor): tensor for tensor in (*text_model.parameters(), *text_model.buffers())}
    model = copy.deepcopy(text_model, memo=shared)
    own = text_model.embeddings.token_embedding.weight
    # A new token's id is the next one, which a padded table has a row for already.
    model.embeddings.token_embedding = TokenTable(own, vectors.to(own), first)
    return model
