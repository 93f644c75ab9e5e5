"""The prompt made of each image's caption."""

import logging
from collections.abc import Sequence
from os import PathLike

from mmengine.logging import print_log
from torch import Tensor

from mmtadp.registry import PROMPTS
from mmtadp.utils.errors import RunError
from mmtadp.utils.learned_tokens import LearnedToken, add_learned_tokens, read_learned_tokens

from ..diffusion import DiffusionModel, TextEncoder
from ..diffusion.text_encoder import check_caption
from .base import BasePrompt, source_of


@PROMPTS.register_module()
class CaptionPrompt(BasePrompt):
    """Use each image's own caption: TADP-0/20/40, nouns only, oracle (paper, Eq. 4 and 5).

    Args:
        model (DiffusionModel): Given by the backbone.
        cache_size (int): Number of captions whose embeddings are kept; see :class:`TextEncoder`.
            If all captions of the training set fit, the encoder runs in the first epoch only.
        learned_embeds (str | PathLike | Sequence): One or several textual inversion files, for
            tokens in captions (Sec. 4.3); see
            :func:`mmtadp.utils.learned_tokens.read_learned_token`. A token with several vectors is
            written once in a caption. Testing needs the files too, as a checkpoint does not
            hold the vectors.
        text_adapter (dict, optional): See :class:`BasePrompt`.

    Raises:
        FileNotFoundError, ValueError: If a file in ``learned_embeds`` is missing or does not fit,
            or the tokenizer already knows its token.
    """

    meta_keys = ('caption',)
    key_sources = dict(
        caption="`dict(type='mmtadp.CaptionLoadTransform', ann_file=...)` adds a caption"
    )

    def __init__(
        self,
        model: DiffusionModel,
        cache_size: int = 25_000,
        learned_embeds: str | PathLike | Sequence[str | PathLike] | None = (),
        text_adapter: dict | None = None,
    ) -> None:
        super().__init__(model.text_model.config.hidden_size, text_adapter)
        tokens = read_learned_tokens(learned_embeds)
        text_model, tokenizer, expansions = add_learned_tokens(
            model.text_model, model.tokenizer, tokens
        )
        for token in tokens:
            _check_room(token, model.text_model.config.max_position_embeddings)
        self.text_encoder = TextEncoder(text_model, tokenizer, cache_size, expansions)
        self.learned_tokens = [token.describe() for token in tokens]
        self.num_tokens = self.text_encoder.max_length

    def check_samples(self, samples: list[dict], batch_size: int) -> None:
        """Check as other types do, and that captions are text."""
        super().check_samples(samples, batch_size)
        for index, sample in enumerate(samples):
            # A subclass may read another key.
            check_caption(sample.get('caption', ''), source_of(sample, index))

    def embed(self, samples: list[dict], batch_size: int) -> Tensor:
        """Return the captions' token embeddings, (N, T, D)."""
        return self.text_encoder([sample['caption'] for sample in samples])

    def describe(self) -> dict:
        """Return what a checkpoint and a prompt must agree on, including learned tokens."""
        return dict(super().describe(), learned_tokens=self.learned_tokens)


def _check_room(token: LearnedToken, max_length: int) -> None:
    """Refuse a token that fills a caption alone; log one that takes half of it."""
    vectors, room = len(token.vectors), max_length - 2
    if vectors >= room:
        raise RunError(
            f"learned_embeds='{token.path}': the token {token.name!r} has {vectors} vectors, and "
            f'a caption has room for {room} tokens: no words would be left. Train it with fewer '
            'vectors (1 to 16 are usual).'
        )
    if vectors > room // 2:
        print_log(
            f'the learned token {token.name!r} has {vectors} vectors: {room - vectors} tokens are '
            'left for the words of a caption',
            logger='current',
            level=logging.WARNING,
        )
