"""VPD's class embeddings."""

from collections.abc import Sequence
from os import PathLike

import torch
from torch import Tensor

from mmtadp.registry import PROMPTS

from ..diffusion import DiffusionModel, TextEncoder
from .average_eos_cache import cached_average_eos
from .base import check_class_names
from .embedding_files import AVERAGE_EOS, fitting_embeddings, is_to_be_read
from .fixed import FixedPrompt


def class_eos(
    model: DiffusionModel,
    class_names: list[str],
    embeddings: str | PathLike | None = None,
) -> Tensor:
    """Return the average EOS embeddings of C classes, (C, D); zeros if weights are skipped."""
    encoder = TextEncoder(model.text_model, model.tokenizer, cache_size=0)
    shape = (len(class_names), encoder.hidden_size)
    if is_to_be_read(embeddings, model.skip_pretrained):
        return fitting_embeddings(embeddings, AVERAGE_EOS, class_names, shape)
    if model.skip_pretrained:
        return torch.zeros(shape)
    return cached_average_eos(encoder, class_names)


@PROMPTS.register_module()
class AverageEOSPrompt(FixedPrompt):
    """Use one token per class: its mean EOS embedding over 80 templates (C_avg, paper, Sec. 3).

    Every class of the dataset is named, whether or not it is in the image. With the text adapter
    this is VPD(LS), and VPD(R) if latent scaling is off.

    Args:
        model (DiffusionModel): Given by the backbone.
        class_names (Sequence[str]): Class names in the wording that the text encoder should see.
        text_adapter (dict, optional): See :class:`BasePrompt`.
        embeddings (str | PathLike, optional): File with precomputed embeddings, written by
            ``tools/misc/class_embeddings.py`` or taken from VPD or mmseg (``.pth``); see
            :func:`.embedding_files.read_embeddings`. By default the text encoder of ``pretrained``
            computes them. Testing does not need the file.

    Raises:
        FileNotFoundError: If the file ``embeddings`` does not exist.
        ValueError: If ``class_names`` is not a list of names, or ``embeddings`` belongs to other
            classes.
    """

    def __init__(
        self,
        model: DiffusionModel,
        class_names: Sequence[str],
        text_adapter: dict | None = None,
        embeddings: str | PathLike | None = None,
    ) -> None:
        class_names = check_class_names(class_names)
        super().__init__(class_eos(model, class_names, embeddings), text_adapter)
        self.class_names = class_names
