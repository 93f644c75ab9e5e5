"""VPD's class embeddings."""

from typing import Dict, List, Optional, Sequence

import torch
from torch import Tensor

from mmtadp.registry import PROMPTS

from ..diffusion import DiffusionModel, TextEncoder
from .average_eos_cache import cached_average_eos
from .base import FixedPrompt
from .class_names import check_class_names


def class_eos(model: DiffusionModel, class_names: List[str]) -> Tensor:
    """Average EOS embeddings of C classes, (C, D); zeros if the weights follow."""
    encoder = TextEncoder(model.text_model, model.tokenizer, cache_size=0)
    if model.weights_follow:
        return torch.zeros(len(class_names), encoder.hidden_size)
    return cached_average_eos(encoder, class_names)


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
        ValueError: If ``class_names`` is no list of names.
    """

    def __init__(
        self,
        model: DiffusionModel,
        class_names: Sequence[str],
        text_adapter: Optional[dict] = None,
    ) -> None:
        class_names = check_class_names(class_names)
        super().__init__(class_eos(model, class_names), text_adapter)
        self.class_names = class_names

    def describe(self) -> Dict:
        return dict(super().describe(), class_names=self.class_names)
