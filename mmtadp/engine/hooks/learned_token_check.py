"""A pipeline and a backbone that agree on the learned tokens of captions."""

from typing import Any, Iterator

from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose
from torch import nn

from mmtadp.datasets import DomainModifier
from mmtadp.models.diffusion import TextEncoder


def check_learned_tokens(model: nn.Module, dataset: Any, stage: str) -> None:
    """Checks that a model knows every learned token that a pipeline writes into captions.

    The tokenizer would split one that it does not know into pieces, and nothing would fail. A
    model may know tokens that no pipeline writes.

    Args:
        model (nn.Module): A segmentor or detector, wrapped or not.
        dataset (Dataset | Compose): A dataset with a pipeline, a wrapper around one or several, or
            the pipeline itself.
        stage (str): What the pipeline is for, for the message: 'training', say.

    Raises:
        ValueError: If it does not know one.
    """
    encoders = [module for module in model.modules() if isinstance(module, TextEncoder)]
    for modifier in find_modifiers(dataset):
        token = modifier.token
        if token is not None and not all(encoder.has_token(token) for encoder in encoders):
            raise ValueError(
                f'the {stage} pipeline writes the learned token {token!r} into captions '
                f'({modifier}), which the text encoder of the backbone does not know and would '
                "split into pieces. Set model.backbone.prompt=dict(type='CaptionPrompt', "
                f"learned_embeds='{modifier.learned_embeds}')."
            )


def find_modifiers(dataset: Any) -> Iterator[DomainModifier]:
    """Every ``DomainModifier`` in the pipelines of a dataset.

    Args:
        dataset (Dataset | Compose): See :func:`check_learned_tokens`.
    """
    wrapped = [getattr(dataset, 'dataset', None), *(getattr(dataset, 'datasets', None) or ())]
    for inner in wrapped:
        if inner is not None:
            yield from find_modifiers(inner)
    yield from _in_transforms(getattr(dataset, 'pipeline', dataset))


def _in_transforms(part: Any) -> Iterator[DomainModifier]:
    """Walks transforms that hold transforms (test-time augmentation, random choices, ...)."""
    if isinstance(part, DomainModifier):
        yield part
    elif isinstance(part, (list, tuple)):
        for item in part:
            yield from _in_transforms(item)
    elif isinstance(part, dict):
        yield from _in_transforms(list(part.values()))
    elif isinstance(part, (BaseTransform, Compose)):
        yield from _in_transforms(list(vars(part).values()))
