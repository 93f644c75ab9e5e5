"""VPD's class embeddings."""

from os import PathLike
from typing import Dict, List, Optional, Sequence, Union

import torch
from torch import Tensor

from mmtadp.registry import PROMPTS

from ..diffusion import DiffusionModel, TextEncoder
from .average_eos_cache import cached_average_eos
from .base import FixedPrompt
from .class_names import check_class_names
from .embedding_files import AVERAGE_EOS, fitting_embeddings


def class_eos(
    model: DiffusionModel,
    class_names: List[str],
    embeddings: Optional[Union[str, PathLike]] = None,
) -> Tensor:
    """Average EOS embeddings of C classes, (C, D); zeros if the weights follow."""
    encoder = TextEncoder(model.text_model, model.tokenizer, cache_size=0)
    shape = (len(class_names), encoder.hidden_size)
    if model.weights_follow:
        return torch.zeros(shape)
    if embeddings is not None:
        return fitting_embeddings(embeddings, AVERAGE_EOS, class_names, shape)
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
        embeddings (str | PathLike, optional): A file of them, of ``tools/misc/class_embeddings.py`` or
            of VPD or mmseg (``.pth``), in place of the text encoder of ``pretrained``; see
            :func:`.embedding_files.read_embeddings`. Testing does not need it.

    Raises:
        FileNotFoundError: If there is no file ``embeddings``.
        ValueError: If ``class_names`` is no list of names, or ``embeddings`` is not of them.
    """

    def __init__(
        self,
        model: DiffusionModel,
        class_names: Sequence[str],
        text_adapter: Optional[dict] = None,
        embeddings: Optional[Union[str, PathLike]] = None,
    ) -> None:
        class_names = check_class_names(class_names)
        super().__init__(class_eos(model, class_names, embeddings), text_adapter)
        self.class_names = class_names

    def describe(self) -> Dict:
        return dict(super().describe(), class_names=self.class_names)
