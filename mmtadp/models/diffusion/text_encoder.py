"""The frozen text encoder and its cache."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from mmtadp.utils.arguments import check_int
from mmtadp.utils.errors import RunError


class TextCache:
    """Least-recently-used map from a caption to its token embeddings, in host memory.

    Threads can share it. Copies and pickles start empty, so that copying a model (EMA, worker
    start-up) does not copy gigabytes of embeddings that can be computed again.

    Args:
        max_captions (int): How many captions are kept. 0 keeps none.
    """

    def __init__(self, max_captions: int) -> None:
        self.max_captions = check_int('cache_size', max_captions, minimum=0)
        self.lock = threading.RLock()
        self._embeddings: OrderedDict = OrderedDict()

    def __len__(self) -> int:
        return len(self._embeddings)

    def __reduce__(self):
        return TextCache, (self.max_captions,)

    def get(self, key: Hashable) -> Tensor | None:
        with self.lock:
            embedding = self._embeddings.get(key)
            if embedding is not None:
                self._embeddings.move_to_end(key)
            return embedding

    def put(self, key: Hashable, embedding: Tensor) -> None:
        if self.max_captions == 0:
            return
        with self.lock:
            self._embeddings[key] = embedding
            if len(self._embeddings) > self.max_captions:
                self._embeddings.popitem(last=False)

    def clear(self) -> None:
        with self.lock:
            self._embeddings.clear()


def check_caption(caption: Any, source: str) -> None:
    """Check that a caption is text that the tokenizer can read.

    Args:
        caption (Any): The caption.
        source (str): Its image, for the message.

    Raises:
        RunError: If it is not a string, or holds half of a surrogate pair.
    """
    if not isinstance(caption, str):
        raise RunError(
            f'the caption of {source} must be text, got {caption!r} ({type(caption).__name__})'
        )
    try:
        caption.encode()
    except UnicodeEncodeError as error:
        raise RunError(
            f'the caption of {source} is not valid Unicode: character {error.start} of '
            f'{caption!r} is half of a surrogate pair. Remove it.'
        ) from None


class TextEncoder(nn.Module):
    """Stable Diffusion's text encoder (tau_theta of the paper, Sec. 3), frozen.

    It always runs in its own precision, outside autocast and without gradient, so a cached
    embedding does not depend on where it was first computed.

    Args:
        model (CLIPTextModel): The text model.
        tokenizer (CLIPTokenizer): Its tokenizer.
        cache_size (int): Number of captions whose embeddings are kept. One takes 237 kB with
            Stable Diffusion 1.5 in float32; the default holds ADE20K's training and validation
            captions (22,210) in 5.3 GB of host memory.
        expansions (dict[int, list[int]], optional): Ids that a token's id stands for, if
            there are several; see :func:`mmtadp.utils.learned_tokens.add_learned_tokens`.
    """

    def __init__(
        self,
        model: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        cache_size: int = 25_000,
        expansions: dict[int, list[int]] | None = None,
    ) -> None:
        super().__init__()
        self.model = model.requires_grad_(False).eval()
        self.tokenizer = tokenizer
        self.expansions = dict(expansions or {})
        self.cache = TextCache(cache_size)
        self.num_truncated = 0
        # Embeddings of earlier weights are invalid.
        self.register_load_state_dict_pre_hook(_clear_cache)

    @property
    def hidden_size(self) -> int:
        """Return the width D of a token embedding."""
        return self.model.config.hidden_size

    @property
    def max_length(self) -> int:
        """Return the number of tokens T of an encoded caption, including padding."""
        return self.model.config.max_position_embeddings

    def train(self, mode: bool = True) -> 'TextEncoder':
        """Stay in eval mode for any ``mode``: the encoder is frozen."""
        return super().train(False)

    def _apply(self, fn: Callable, recurse: bool = True) -> 'TextEncoder':
        # ``half()``, ``float()`` and ``to(...)`` round the weights.
        self.cache.clear()
        return super()._apply(fn, recurse)

    def forward(self, captions: Sequence[str]) -> Tensor:
        """Return token embeddings of captions; each distinct caption is encoded once.

        Args:
            captions (Sequence[str]): N captions. Longer ones than :attr:`max_length` tokens are
                truncated, which is counted in :attr:`num_truncated` and logged once.

        Returns:
            Tensor: Last hidden states after the final layer norm, (N, T, D).

        Raises:
            RunError: If a caption is not text.
        """
        return self._embeddings(list(captions))

    # For a compiled forward, which cannot run the tokenizer: it is compiled once per caption.
    @torch.compiler.assume_constant_result
    def _embeddings(self, captions: list[str]) -> Tensor:
        for index, caption in enumerate(captions):
            check_caption(caption, f'image {index} of the batch')
        weight = self.model.embeddings.token_embedding.weight
        # `torch.export` runs this code with tensors that have no values: nothing to keep.
        cache = TextCache(0) if torch.compiler.is_compiling() else self.cache
        known: dict[str, Tensor] = {}
        for caption in captions:
            embedding = cache.get((caption, weight.dtype))
            if embedding is not None:
                known[caption] = embedding
        new = [caption for caption in dict.fromkeys(captions) if caption not in known]
        if new:
            ids = self.token_ids(new)
            self._count_truncated(new, ids, self.max_length)
            for caption, row in zip(new, self._fit(ids, self.max_length).split(1)):
                # Alone: kernels round differently for other sizes of a batch, and which captions
                # are new depends on the cache, which a resumed run begins without.
                known[caption] = self._encode(row)[0].cpu()
                cache.put((caption, weight.dtype), known[caption])
        return torch.stack([known[caption] for caption in captions]).to(
            weight.device, weight.dtype, non_blocking=True
        )

    def pooled(self, texts: Sequence[str], max_length: int) -> Tensor:
        """Return embeddings at the end-of-sequence token, neither projected nor normalised.

        Args:
            texts (Sequence[str]): N texts; they are not cached.
            max_length (int): Tokens to which texts are padded and truncated; the truncated ones
                count in :attr:`num_truncated`.

        Returns:
            Tensor: (N, D).
        """
        rows = self.token_ids(texts)
        self._count_truncated(texts, rows, max_length)
        ids = self._fit(rows, max_length)
        hidden = self._encode(ids)
        # Not the model's own pooled output: by the configs of Stable Diffusion 1.x it takes the
        # highest id for the end of the text, which learned tokens exceed.
        ends = (ids == self.tokenizer.eos_token_id).int().argmax(dim=1)
        return hidden[torch.arange(len(hidden)), ends.to(hidden.device)]

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return token ids of N texts, from the start-of-text to the end-of-text token.

        They are neither padded nor truncated. A learned token has an id for each of its vectors.
        """
        with self.cache.lock:
            rows = self.tokenizer(list(texts)).input_ids
        return [[i for token in row for i in self.expansions.get(token, (token,))] for row in rows]

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Return for each of :meth:`token_ids` of a text where its characters start and end.

        The vectors of a learned token all have the token's span. The start-of-text and the
        end-of-text token have an empty one.
        """
        with self.cache.lock:
            encoded = self.tokenizer(text, return_offsets_mapping=True)
        return [
            span
            for token, span in zip(encoded.input_ids, encoded.offset_mapping)
            for _ in self.expansions.get(token, (token,))
        ]

    def has_token(self, token: str) -> bool:
        """Return whether this token was added to CLIP's vocabulary."""
        return token in self.tokenizer.get_added_vocab()

    def _fit(self, rows: list[list[int]], max_length: int) -> Tensor:
        """Truncate and pad ids, (N, max_length); a truncated text keeps its end-of-text."""
        end, padding = self.tokenizer.eos_token_id, self.tokenizer.pad_token_id
        ids = torch.full((len(rows), max_length), padding, device='cpu')
        for index, row in enumerate(rows):
            fitted = row if len(row) <= max_length else [*row[: max_length - 1], end]
            ids[index, : len(fitted)] = torch.tensor(fitted, device='cpu')
        return ids

    def _encode(self, ids: Tensor) -> Tensor:
        """Return the last hidden states, (N, T, D), of token ids (N, T)."""
        device = self.model.embeddings.token_embedding.weight.device
        with (
            torch.inference_mode(False),
            torch.no_grad(),
            torch.autocast(device.type, enabled=False),
        ):
            # No attention mask: CLIP was trained, and Stable Diffusion conditioned, without one.
            return self.model(input_ids=ids.to(device)).last_hidden_state

    def _count_truncated(
        self, texts: Sequence[str], ids: list[list[int]], max_length: int
    ) -> None:
        too_long = [(len(row), text) for row, text in zip(ids, texts) if len(row) > max_length]
        with self.cache.lock:
            first = self.num_truncated == 0
            self.num_truncated += len(too_long)
        if too_long and first:
            length, text = too_long[0]
            print_log(
                f'a caption of {length} tokens is truncated to {max_length}: {text!r}. '
                'Further ones are counted, not logged.',
                logger='current',
                level=logging.WARNING,
            )


def _clear_cache(encoder: TextEncoder, *args) -> None:
    encoder.cache.clear()
