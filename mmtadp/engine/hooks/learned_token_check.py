"""Check that the backbone knows the learned tokens that pipelines write into captions."""

from collections.abc import Iterator
from typing import Any

from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose
from torch import nn

from mmtadp.models.diffusion import TextEncoder


def check_learned_tokens(model: nn.Module, dataset: Any, stage: str) -> None:
    """Check that a model knows every learned token that a pipeline writes into captions.

    The tokenizer would silently split an unknown token into pieces. A model may know tokens that
    no pipeline writes. A transform with a true class attribute ``writes_caption`` names its token
    in ``token``, and the file of the token in ``learned_embeds``, as ``DomainModifier`` does.

    Args:
        model (nn.Module): A segmentor or detector, wrapped or not.
        dataset (Dataset | Compose): A dataset with a pipeline, a wrapper around one or several, or
            the pipeline itself.
        stage (str): Use of the pipeline, for the message, e.g. 'training'.

    Raises:
        ValueError: If it does not know one.
    """
    encoders = [module for module in model.modules() if isinstance(module, TextEncoder)]
    for transform in find_caption_transforms(dataset):
        token = getattr(transform, 'token', None)
        if token is not None and not all(encoder.has_token(token) for encoder in encoders):
            raise ValueError(
                f'the {stage} pipeline writes the learned token {token!r} into captions '
                f'({transform}). The text encoder of the backbone does not know it and would '
                "split it into pieces. Set model.backbone.prompt=dict(type='CaptionPrompt', "
                f"learned_embeds='{transform.learned_embeds}')."
            )


def find_caption_transforms(dataset: Any) -> Iterator[BaseTransform]:
    """Yield every transform with ``writes_caption`` in the pipelines of a dataset.

    Args:
        dataset (Dataset | Compose): See :func:`check_learned_tokens`.
    """
    wrapped = [getattr(dataset, 'dataset', None), *(getattr(dataset, 'datasets', None) or ())]
    for inner in wrapped:
        if inner is not None:
            yield from find_caption_transforms(inner)
    yield from _in_transforms(getattr(dataset, 'pipeline', dataset))


def _in_transforms(part: Any) -> Iterator[BaseTransform]:
    """Search transforms that hold transforms (test-time augmentation, random choices, ...)."""
    if getattr(part, 'writes_caption', False):
        yield part
    elif isinstance(part, (list, tuple)):
        for item in part:
            yield from _in_transforms(item)
    elif isinstance(part, dict):
        yield from _in_transforms(list(part.values()))
    elif isinstance(part, (BaseTransform, Compose)):
        yield from _in_transforms(list(vars(part).values()))
