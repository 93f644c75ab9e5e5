"""The prompt made of each image's caption."""

from collections.abc import Sequence
from os import PathLike

from torch import Tensor

from mmtadp.registry import PROMPTS
from mmtadp.utils.learned_tokens import add_learned_tokens, read_learned_tokens

from ..diffusion import DiffusionModel, TextEncoder
from .base import BasePrompt


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
            written once in a caption. Testing needs the files too: no checkpoint has the vectors.
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
        self.text_encoder = TextEncoder(text_model, tokenizer, cache_size, expansions)
        self.learned_tokens = [token.describe() for token in tokens]
        self.num_tokens = self.text_encoder.max_length

    def embed(self, samples: list[dict], batch_size: int) -> Tensor:
        """Return the captions' token embeddings, (N, T, D)."""
        return self.text_encoder([sample['caption'] for sample in samples])

    def describe(self) -> dict:
        """Return what a checkpoint and a prompt must agree on, including learned tokens."""
        return dict(super().describe(), learned_tokens=self.learned_tokens)
