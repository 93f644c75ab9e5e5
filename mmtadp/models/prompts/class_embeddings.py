"""The prompt made of the class names' own tokens."""

import logging
from collections.abc import Sequence
from os import PathLike

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmtadp.registry import PROMPTS
from mmtadp.utils.arguments import check_bool

from ..diffusion import DiffusionModel, TextEncoder
from .base import check_class_names
from .embedding_files import CLASS_EMBEDDINGS, fitting_embeddings, is_to_be_read
from .fixed import FixedPrompt


def name_spans(
    encoder: TextEncoder, class_names: Sequence[str], keep_first_bos: bool = False
) -> list[tuple[int, int]]:
    """Return the span of each encoded name's own tokens: first, and last plus one."""
    lengths = [len(ids) for ids in encoder.token_ids(class_names)]
    for name, length in zip(class_names, lengths):
        if length > encoder.max_length:
            print_log(
                f'the class name {name!r} takes {length} tokens, of which the text encoder reads '
                f'{encoder.max_length}: its end is cut off',
                logger='current',
                level=logging.WARNING,
            )
    # The span ends before the end-of-text token.
    ends = [min(length, encoder.max_length) - 1 for length in lengths]
    return [(0 if keep_first_bos and i == 0 else 1, end) for i, end in enumerate(ends)]


def class_embeddings(
    encoder: TextEncoder,
    class_names: Sequence[str],
    keep_first_bos: bool = False,
    batch_size: int = 80,
) -> Tensor:
    """Return the tokens of all class names, each name encoded alone (paper, Eq. 2).

    Args:
        encoder (TextEncoder): The text encoder.
        class_names (Sequence[str]): C class names.
        keep_first_bos (bool): See :class:`ClassEmbeddingsPrompt`.
        batch_size (int): Number of names encoded at a time.

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
    """Use the tokens of all class names, each name encoded alone (paper, Eq. 2).

    The tokens between the start and the end of each encoded name are concatenated in the order of
    the classes: 23 tokens for Pascal VOC's 20 classes and the background, since 'dining table' and
    'potted plant' have two each.

    Args:
        model (DiffusionModel): Given by the backbone.
        class_names (Sequence[str]): Class names in the wording that the text encoder should see.
        keep_first_bos (bool): Keep the start-of-text token of the first name, as the published
            code does: 24 tokens for Pascal VOC. Eq. 2 has none. Defaults to False.
        text_adapter (dict, optional): See :class:`BasePrompt`.
        embeddings (str | PathLike, optional): File with precomputed embeddings, written by
            ``tools/misc/class_embeddings.py``; see :class:`AverageEOSPrompt`.

    Raises:
        FileNotFoundError: If the file ``embeddings`` does not exist.
        ValueError: If ``class_names`` is not a list of names, or ``embeddings`` belongs to other
            classes.
    """

    def __init__(
        self,
        model: DiffusionModel,
        class_names: Sequence[str],
        keep_first_bos: bool = False,
        text_adapter: dict | None = None,
        embeddings: str | PathLike | None = None,
    ) -> None:
        class_names = check_class_names(class_names)
        check_bool('keep_first_bos', keep_first_bos)
        encoder = TextEncoder(model.text_model, model.tokenizer, cache_size=0)
        spans = name_spans(encoder, class_names, keep_first_bos)
        shape = (sum(last - first for first, last in spans), encoder.hidden_size)
        if is_to_be_read(embeddings, model.skip_pretrained):
            tokens = fitting_embeddings(embeddings, CLASS_EMBEDDINGS, class_names, shape)
        elif model.skip_pretrained:
            tokens = torch.zeros(shape)
        else:
            tokens = class_embeddings(encoder, class_names, keep_first_bos)
        super().__init__(tokens, text_adapter)
        self.class_names = class_names
        self.keep_first_bos = keep_first_bos

    def describe(self) -> dict:
        """Return what a checkpoint and a prompt must agree on."""
        return dict(super().describe(), keep_first_bos=self.keep_first_bos)
