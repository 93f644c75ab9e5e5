"""The embeddings of class names' own tokens."""

from os import PathLike
from typing import Dict, List, Optional, Sequence, Tuple, Union

import torch
from torch import Tensor

from mmtadp.registry import PROMPTS

from ..diffusion import DiffusionModel, TextEncoder
from .base import FixedPrompt
from .class_names import check_class_names
from .embedding_files import CLASS_EMBEDDINGS, fitting_embeddings


def name_spans(
    encoder: TextEncoder, class_names: Sequence[str], keep_first_bos: bool = False
) -> List[Tuple[int, int]]:
    """Where each encoded name's own tokens are: from a first to, but not including, a last."""
    # Up to, but not including, the end-of-text token.
    ends = [min(len(ids), encoder.max_length) - 1 for ids in encoder.token_ids(class_names)]
    return [(0 if keep_first_bos and i == 0 else 1, end) for i, end in enumerate(ends)]


def class_embeddings(
    encoder: TextEncoder,
    class_names: Sequence[str],
    keep_first_bos: bool = False,
    batch_size: int = 80,
) -> Tensor:
    """The tokens of all class names, each name encoded alone (paper, Eq. 2).

    Args:
        encoder (TextEncoder): The text encoder.
        class_names (Sequence[str]): C class names.
        keep_first_bos (bool): See :class:`ClassEmbeddingsPrompt`.
        batch_size (int): Number of names that are encoded at a time.

    Returns:
        Tensor: (T, D), in the order of ``class_names``.
    """
    names = list(class_names)
    encoded = [
        embedding
        for start in range(0, len(names), batch_size)
        for embedding in encoder(names[start : start + batch_size])
    ]
    spans = name_spans(encoder, names, keep_first_bos)
    return torch.cat([tokens[first:last] for tokens, (first, last) in zip(encoded, spans)])


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
        embeddings (str | PathLike, optional): A file of the embeddings, of
            ``tools/misc/class_embeddings.py``; see :class:`AverageEOSPrompt`.

    Raises:
        FileNotFoundError: If there is no file ``embeddings``.
        ValueError: If ``class_names`` is no list of names, or ``embeddings`` is not of them.
    """

    def __init__(
        self,
        model: DiffusionModel,
        class_names: Sequence[str],
        keep_first_bos: bool = False,
        text_adapter: Optional[dict] = None,
        embeddings: Optional[Union[str, PathLike]] = None,
    ) -> None:
        class_names = check_class_names(class_names)
        encoder = TextEncoder(model.text_model, model.tokenizer, cache_size=0)
        spans = name_spans(encoder, class_names, keep_first_bos)
        shape = (sum(last - first for first, last in spans), encoder.hidden_size)
        if model.weights_follow:
            tokens = torch.zeros(shape)
        elif embeddings is not None:
            tokens = fitting_embeddings(embeddings, CLASS_EMBEDDINGS, class_names, shape)
        else:
            tokens = class_embeddings(encoder, class_names, keep_first_bos)
        super().__init__(tokens, text_adapter)
        self.class_names = class_names

    def describe(self) -> Dict:
        return dict(super().describe(), class_names=self.class_names)
