"""Tokens that textual inversion has learned, in a text encoder of ours."""

import copy
from os import PathLike
from typing import Dict, List, Sequence, Tuple, Union

import torch
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from mmtadp.utils.learned_embeds import LearnedToken, read_learned_token

# Which text encoder has which width.
_FAMILIES = {
    768: ' (Stable Diffusion 1.x)',
    1024: ' (Stable Diffusion 2.x)',
    1280: " (Stable Diffusion XL's second text encoder)",
}


def read_learned_tokens(paths: Union[str, PathLike, Sequence, None]) -> List[LearnedToken]:
    """Reads one file, several or none; see :func:`mmtadp.utils.learned_embeds.read_learned_token`.

    Raises:
        ValueError: If two files hold a token of the same name.
    """
    if isinstance(paths, (str, PathLike)):
        paths = [paths]
    tokens = [read_learned_token(path) for path in paths or ()]
    files: Dict[str, LearnedToken] = {}
    for token in tokens:
        for name in _names(token):
            if name in files:
                raise ValueError(
                    f"learned_embeds: '{files[name].path}' and '{token.path}' both hold the token "
                    f'{name!r}. Leave one out, or rename the token in one.'
                )
            files[name] = token
    return tokens


def add_learned_tokens(
    text_model: CLIPTextModel, tokenizer: CLIPTokenizer, tokens: Sequence[LearnedToken]
) -> Tuple[CLIPTextModel, CLIPTokenizer, Dict[int, List[int]]]:
    """Extends a vocabulary and its embedding table, as ``load_textual_inversion`` of diffusers.

    Of n vectors the first belongs to the token itself, the others to ``token_1`` to
    ``token_{n - 1}``.

    Args:
        text_model (CLIPTextModel): Left as it is.
        tokenizer (CLIPTokenizer): Left as it is.
        tokens (Sequence[LearnedToken]): What to add.

    Returns:
        tuple: A text model with a table of its own, in which the rows of known tokens are as they
        were, and all other weights shared with the given one; a tokenizer; and for each token the
        ids that its own id stands for. Without tokens, what was given.

    Raises:
        ValueError: If a token's width is not that of the text model, or the tokenizer knows it.
    """
    if not tokens:
        return text_model, tokenizer, {}
    for token in tokens:
        _check(token, text_model.config.hidden_size, tokenizer)
    names = [name for token in tokens for name in _names(token)]
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.add_tokens(names)
    ids = tokenizer.convert_tokens_to_ids(names)
    for name, number in zip(names, ids):
        if _ids(tokenizer, name) != [number]:
            raise ValueError(
                f'learned_embeds: the tokenizer does not find the token {name!r} in a caption, as '
                'it normalises the caption first, or as another learned token is part of it. '
                'Rename the token in its file.'
            )
    model = _with_rows(text_model, ids, torch.cat([token.vectors for token in tokens]))
    remaining = iter(ids)
    expansions = ([next(remaining) for _ in token.vectors] for token in tokens)
    return model, tokenizer, {expansion[0]: expansion for expansion in expansions}


def _names(token: LearnedToken) -> List[str]:
    return [token.name] + [f'{token.name}_{i}' for i in range(1, len(token.vectors))]


def _ids(tokenizer: CLIPTokenizer, text: str) -> List[int]:
    return tokenizer(text, add_special_tokens=False).input_ids


def _check(token: LearnedToken, width: int, tokenizer: CLIPTokenizer) -> None:
    own = token.vectors.shape[1]
    if own != width:
        raise ValueError(
            f"learned_embeds='{token.path}': the vectors of {token.name!r} have the width {own}"
            f'{_FAMILIES.get(own, "")}, the text encoder has {width}{_FAMILIES.get(width, "")}. '
            'A token goes with the text encoder that it was learned with.'
        )
    for name in _names(token):
        if len(_ids(tokenizer, name)) == 1:
            raise ValueError(
                f"learned_embeds='{token.path}': the tokenizer already knows {name!r}, so the "
                'token would change what captions with that word mean. Rename it in its file, to '
                'something in angle brackets, say; if `pretrained` was saved with the token in '
                'it, leave learned_embeds out.'
            )


def _with_rows(text_model: CLIPTextModel, ids: List[int], vectors: torch.Tensor) -> CLIPTextModel:
    # A copy of the modules, not of the weights.
    shared = {id(tensor): tensor for tensor in (*text_model.parameters(), *text_model.buffers())}
    model = copy.deepcopy(text_model, memo=shared)
    old = text_model.embeddings.token_embedding.weight.detach()
    table = old.new_zeros(max(len(old), max(ids) + 1), old.shape[1])
    table[: len(old)] = old
    table[ids] = vectors.to(table)
    model.embeddings.token_embedding = nn.Embedding.from_pretrained(table)
    model.config.vocab_size = len(table)
    return model
