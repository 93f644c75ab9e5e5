"""The embeddings of class names' own tokens."""

from typing import Dict, Optional, Sequence

import torch

from mmtadp.registry import PROMPTS

from ..diffusion import DiffusionModel, TextEncoder
from .base import FixedPrompt
from .class_names import check_class_names


@PROMPTS.register_module()
class ClassEmbeddingsPrompt(FixedPrompt):
    """The tokens of all class names, each name encoded alone (paper, Eq. 2).

    Of each encoded name the tokens between the start and the end of the text are kept and
    concatenated in the order of the classes: as many as the names have, 23 for Pascal VOC's 20
    classes and the background ('dining table' and 'potted plant' have two).

    Args:
        model (DiffusionModel): Given by the backbone.
        class_names (Sequence[str]): Class names in the wording that the text encoder should see.
        keep_first_bos (bool): Keep the first name's start-of-text token in front, as the published
            code does, which makes 24 of Pascal VOC's tokens. Eq. 2 has none.
        text_adapter (dict, optional): See :class:`BasePrompt`.

    Raises:
        ValueError: If ``class_names`` is no list of names.
    """

    def __init__(
        self,
        model: DiffusionModel,
        class_names: Sequence[str],
        keep_first_bos: bool = False,
        text_adapter: Optional[dict] = None,
    ) -> None:
        class_names = check_class_names(class_names)
        encoder = TextEncoder(model.text_model, model.tokenizer, cache_size=0)
        # From the start-of-text token up to, but not including, the end-of-text token.
        ends = [min(len(ids), encoder.max_length) - 1 for ids in encoder.token_ids(class_names)]
        starts = [0 if keep_first_bos and index == 0 else 1 for index in range(len(class_names))]
        if model.weights_follow:
            embeddings = torch.zeros(sum(ends) - sum(starts), encoder.hidden_size)
        else:
            encoded = encoder(class_names)
            embeddings = torch.cat([e[a:b] for e, a, b in zip(encoded, starts, ends)])
        super().__init__(embeddings, text_adapter)
        self.class_names = class_names

    def describe(self) -> Dict:
        return dict(super().describe(), class_names=self.class_names)
