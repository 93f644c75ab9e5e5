"""VPD's class embedding for the category of each image."""

from collections.abc import Sequence
from operator import index
from os import PathLike

import torch
from torch import Tensor

from mmtadp.registry import PROMPTS

from ..diffusion import DiffusionModel
from .average_eos import class_eos
from .base import BasePrompt, PromptError, check_class_names, source_of

# mmseg's datasets give this id to an image whose category is not one of their classes.
UNKNOWN = -1


@PROMPTS.register_module()
class CategoryEOSPrompt(BasePrompt):
    """Use one token: the average EOS embedding of the image's category (paper, Sec. 3).

    For depth on NYUv2 the category is the type of the room, which mmseg's ``NYUDataset`` reads
    from the name of the file. An image without a known category (-1 or None) gets the mean over
    all classes, as in mmseg's port of VPD.

    Args:
        model (DiffusionModel): Given by the backbone.
        class_names (Sequence[str]): Names of the categories, in the order of their ids and in the
            wording that the text encoder should see ('living room', not 'living_room').
        text_adapter (dict, optional): See :class:`BasePrompt`.
        embeddings (str | PathLike, optional): File with precomputed embeddings; see
            :class:`AverageEOSPrompt`.

    Raises:
        FileNotFoundError: If the file ``embeddings`` does not exist.
        ValueError: If ``class_names`` is not a list of names, or ``embeddings`` belongs to other
            classes.
    """

    meta_keys = ('category_id',)
    none_allowed = ('category_id',)
    key_sources = dict(category_id="mmseg's `NYUDataset` reads a category_id from the file's name")
    num_tokens = 1

    def __init__(
        self,
        model: DiffusionModel,
        class_names: Sequence[str],
        text_adapter: dict | None = None,
        embeddings: str | PathLike | None = None,
    ) -> None:
        names = check_class_names(class_names)
        by_class = class_eos(model, names, embeddings)
        super().__init__(by_class.shape[-1], text_adapter)
        self.class_names = names
        self.register_buffer('embeddings', by_class)

    def embed(self, samples: list[dict], batch_size: int) -> Tensor:
        """Return the embedding of each image's category, (N, 1, D).

        Raises:
            PromptError: If a category is not one of the classes.
        """
        return torch.stack([self._embed_one(i, sample) for i, sample in enumerate(samples)])

    def _embed_one(self, position: int, sample: dict) -> Tensor:
        category = sample['category_id']
        if category is None:
            category = UNKNOWN
        try:
            category = None if isinstance(category, bool) else index(category)
        except TypeError:
            category = None
        if category == UNKNOWN:
            return self.embeddings.mean(dim=0, keepdim=True)
        if category is None or not 0 <= category < len(self.class_names):
            raise PromptError(
                f'category_id={sample["category_id"]!r} of {source_of(sample, position)}: '
                f'CategoryEOSPrompt has {len(self.class_names)} classes, so it must be 0 to '
                f'{len(self.class_names) - 1}, or {UNKNOWN} for their mean.'
            )
        return self.embeddings[category, None]
