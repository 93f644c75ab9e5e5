"""Class names: what a list of them must be, and the prompt that says them all."""

from typing import Dict, List, Optional, Sequence

import torch

from mmtadp.registry import PROMPTS

from ..diffusion import DiffusionModel, TextEncoder
from .base import FixedPrompt


def check_class_names(class_names: Sequence[str]) -> List[str]:
    """Checks a list of class names, in the wording that the text encoder should see.

    Args:
        class_names (Sequence[str]): At least one name.

    Returns:
        List[str]: The same names.

    Raises:
        ValueError: If it is not a list, is empty, or holds anything but strings with text.
    """
    if isinstance(class_names, str) or not isinstance(class_names, Sequence) or not class_names:
        raise ValueError(
            f'class_names must be a list with at least one class name, got {class_names!r}'
        )
    bad = [
        i for i, name in enumerate(class_names) if not isinstance(name, str) or not name.strip()
    ]
    if bad:
        raise ValueError(
            'class_names must be a list of names, got '
            + ', '.join(f'{class_names[i]!r} at index {i}' for i in bad[:3])
            + (f' and {len(bad) - 3} more' if len(bad) > 3 else '')
        )
    return list(class_names)


@PROMPTS.register_module()
class ClassNamesPrompt(FixedPrompt):
    """All class names, space-separated, as one caption for every image (paper, Eq. 3).

    Where that takes more tokens than the encoder has places (77), as ADE20K's 150 classes do, the
    last names are cut off, and the log says so.

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
        encoder = TextEncoder(model.text_model, model.tokenizer, cache_size=0)
        if model.weights_follow:
            embeddings = torch.zeros(encoder.max_length, encoder.hidden_size)
        else:
            embeddings = encoder([' '.join(class_names)])[0]
        super().__init__(embeddings, text_adapter)
        self.class_names = class_names

    def describe(self) -> Dict:
        return dict(super().describe(), class_names=self.class_names)
