"""The caption of each image."""

from typing import Dict, List, Optional

from torch import Tensor

from mmtadp.registry import PROMPTS

from ..diffusion import DiffusionModel, TextEncoder
from .base import BasePrompt


@PROMPTS.register_module()
class CaptionPrompt(BasePrompt):
    """Each image's own caption: TADP-0/20/40, nouns only, oracle (paper, Eq. 4 and 5).

    Args:
        model (DiffusionModel): Given by the backbone.
        cache_size (int): Number of captions whose embeddings are kept; see :class:`TextEncoder`.
            With as many as the training set has, a steady epoch never runs the encoder.
        text_adapter (dict, optional): See :class:`BasePrompt`.
    """

    meta_keys = ('caption',)

    def __init__(
        self,
        model: DiffusionModel,
        cache_size: int = 25_000,
        text_adapter: Optional[dict] = None,
    ) -> None:
        super().__init__(model.text_model.config.hidden_size, text_adapter)
        self.text_encoder = TextEncoder(model.text_model, model.tokenizer, cache_size)
        self.num_tokens = self.text_encoder.max_length

    def embed(self, samples: List[Dict], batch_size: int) -> Tensor:
        return self.text_encoder([sample['caption'] for sample in samples])
