"""The caption of each image."""

from os import PathLike
from typing import Dict, List, Optional, Sequence, Union

from torch import Tensor

from mmtadp.registry import PROMPTS

from ..diffusion import DiffusionModel, TextEncoder, add_learned_tokens, read_learned_tokens
from .base import BasePrompt


@PROMPTS.register_module()
class CaptionPrompt(BasePrompt):
    """Each image's own caption: TADP-0/20/40, nouns only, oracle (paper, Eq. 4 and 5).

    Args:
        model (DiffusionModel): Given by the backbone.
        cache_size (int): Number of captions whose embeddings are kept; see :class:`TextEncoder`.
            With as many as the training set has, a steady epoch never runs the encoder.
        learned_embeds (str | PathLike | Sequence): Textual inversion file, or several, of tokens
            that captions use (Sec. 4.3); see :func:`mmtadp.utils.learned_embeds.read_learned_token`. A
            token of several vectors is written once. Testing needs the files, too, as it needs the
            tokenizer.
        text_adapter (dict, optional): See :class:`BasePrompt`.

    Raises:
        FileNotFoundError, ValueError: If a file of ``learned_embeds`` is missing or unfit, or its
            token already known to the tokenizer.
    """

    meta_keys = ('caption',)
    key_sources = dict(
        caption="`dict(type='mmtadp.CaptionLoadTransform', ann_file=...)` adds a caption"
    )

    def __init__(
        self,
        model: DiffusionModel,
        cache_size: int = 25_000,
        learned_embeds: Union[str, PathLike, Sequence[Union[str, PathLike]], None] = (),
        text_adapter: Optional[dict] = None,
    ) -> None:
        super().__init__(model.text_model.config.hidden_size, text_adapter)
        tokens = read_learned_tokens(learned_embeds)
        text_model, tokenizer, expansions = add_learned_tokens(
            model.text_model, model.tokenizer, tokens
        )
        self.text_encoder = TextEncoder(text_model, tokenizer, cache_size, expansions)
        self.learned_tokens = {token.name: len(token.vectors) for token in tokens}
        self.num_tokens = self.text_encoder.max_length

    def embed(self, samples: List[Dict], batch_size: int) -> Tensor:
        return self.text_encoder([sample['caption'] for sample in samples])

    def describe(self) -> Dict:
        learned = dict(learned_tokens=self.learned_tokens) if self.learned_tokens else {}
        return dict(super().describe(), **learned)
