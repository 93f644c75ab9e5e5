"""VPD's class embeddings."""

from typing import Optional, Sequence

import torch

from mmtadp.registry import PROMPTS

from ..diffusion import DiffusionModel, TextEncoder
from .base import FixedPrompt
from .class_embeddings import cached_average_eos


@PROMPTS.register_module()
class AverageEOSPrompt(FixedPrompt):
    """One token per class, the mean EOS embedding over 80 templates (C_avg in the paper, Sec. 3).

    Every class of the dataset is named, whether or not it is in the image. With the text adapter
    this is VPD(LS), and VPD(R) if latent scaling is off.

    Args:
        model (DiffusionModel): Given by the backbone.
        class_names (Sequence[str]): Class names in the wording that the text encoder should see.
        text_adapter (dict, optional): See :class:`BasePrompt`.

    Raises:
        ValueError: If ``class_names`` is empty or not a list of strings.
    """

    def __init__(
        self,
        model: DiffusionModel,
        class_names: Sequence[str],
        text_adapter: Optional[dict] = None,
    ) -> None:
        if isinstance(class_names, str) or not class_names:
            raise ValueError(
                f'class_names must be a list with at least one class name, got {class_names!r}'
            )
        encoder = TextEncoder(model.text_model, model.tokenizer, cache_size=0)
        if model.weights_follow:
            embeddings = torch.zeros(len(class_names), encoder.hidden_size)
        else:
            embeddings = cached_average_eos(encoder, class_names)
        super().__init__(embeddings, text_adapter)
