"""The empty caption."""

from typing import Optional

import torch

from mmtadp.registry import PROMPTS

from ..diffusion import DiffusionModel, TextEncoder
from .base import FixedPrompt


@PROMPTS.register_module()
class NullTextPrompt(FixedPrompt):
    """The empty caption for every image (paper, Table S1).

    Args:
        model (DiffusionModel): Given by the backbone.
        text_adapter (dict, optional): See :class:`BasePrompt`.
    """

    def __init__(self, model: DiffusionModel, text_adapter: Optional[dict] = None) -> None:
        encoder = TextEncoder(model.text_model, model.tokenizer, cache_size=0)
        if model.weights_follow:
            embeddings = torch.zeros(encoder.max_length, encoder.hidden_size)
        else:
            embeddings = encoder([''])[0]
        super().__init__(embeddings, text_adapter)
