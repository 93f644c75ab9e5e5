"""Prompts that are the same for every image."""

import itertools
import logging
from collections.abc import Sequence

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmtadp.registry import PROMPTS

from ..diffusion import DiffusionModel, TextEncoder
from .base import BasePrompt, check_class_names


class FixedPrompt(BasePrompt):
    """Return the same prompt for every image.

    The embeddings are a buffer, so a checkpoint holds them and needs no text encoder.

    Args:
        embeddings (Tensor): (T, D).
        text_adapter (dict, optional): See :class:`BasePrompt`.
    """

    def __init__(self, embeddings: Tensor, text_adapter: dict | None = None) -> None:
        super().__init__(embeddings.shape[-1], text_adapter)
        self.num_tokens = embeddings.shape[0]
        self.register_buffer('embeddings', embeddings)

    def embed(self, samples: list[dict], batch_size: int) -> Tensor:
        """Return the embeddings for each image, (N, T, D)."""
        return self.embeddings.expand(batch_size, -1, -1)


def _encode(model: DiffusionModel, text: str) -> Tensor:
    """Return the token embeddings of one text, (T, D); zeros if weights are skipped."""
    encoder = TextEncoder(model.text_model, model.tokenizer, cache_size=0)
    if model.skip_pretrained:
        return torch.zeros(encoder.max_length, encoder.hidden_size)
    return encoder([text])[0]


@PROMPTS.register_module()
class NullTextPrompt(FixedPrompt):
    """Use the empty caption for every image (paper, Table S1).

    Args:
        model (DiffusionModel): Given by the backbone.
        text_adapter (dict, optional): See :class:`BasePrompt`.
    """

    def __init__(self, model: DiffusionModel, text_adapter: dict | None = None) -> None:
        super().__init__(_encode(model, ''), text_adapter)


@PROMPTS.register_module()
class ClassNamesPrompt(FixedPrompt):
    """Use all class names, space-separated, as one caption for every image (paper, Eq. 3).

    If the names take more tokens than the text encoder reads (77), as ADE20K's 150 classes do, the
    last names are cut off and a warning is logged.

    Args:
        model (DiffusionModel): Given by the backbone.
        class_names (Sequence[str]): Class names in the wording that the text encoder should see.
        text_adapter (dict, optional): See :class:`BasePrompt`.

    Raises:
        ValueError: If ``class_names`` is not a list of names.
    """

    def __init__(
        self,
        model: DiffusionModel,
        class_names: Sequence[str],
        text_adapter: dict | None = None,
    ) -> None:
        class_names = check_class_names(class_names)
        if not model.skip_pretrained:
            _warn_truncated(model, class_names)
        super().__init__(_encode(model, ' '.join(class_names)), text_adapter)
        self.class_names = class_names


def _warn_truncated(model: DiffusionModel, class_names: list[str]) -> None:
    """Log which names the text encoder does not read."""
    encoder = TextEncoder(model.text_model, model.tokenizer, cache_size=0)
    text = ' '.join(class_names)
    spans = encoder.token_spans(text)
    if len(spans) <= encoder.max_length:
        return
    # The last token that is read is the end-of-text token.
    read = spans[encoder.max_length - 2][1]
    starts = itertools.accumulate((len(name) + 1 for name in class_names), initial=0)
    complete = sum(start + len(name) <= read for start, name in zip(starts, class_names))
    after = len(class_names) - complete - 1
    print_log(
        f'the class names take {len(spans)} tokens, of which the text encoder reads '
        f'{encoder.max_length}: {class_names[complete]!r} and the {after} names after it '
        'are cut off',
        logger='current',
        level=logging.WARNING,
    )
