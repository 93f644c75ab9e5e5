"""A pipeline and a backbone that agree on the learned tokens of captions."""

from typing import Any, Iterator

from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose
from torch import nn

from mmtadp.datasets import DomainModifier
from mmtadp.models.diffusion import TextEncoder

_LOOPS = dict(training='_train_loop', validation='_val_loop', testing='_test_loop')


def check_learned_tokens(runner) -> None:
    """Checks that the model knows every learned token that its pipelines write into captions.

    The tokenizer would split one that it does not know into pieces, and nothing would fail. A
    model may know tokens that no pipeline writes.

    Args:
        runner (Runner): With the loops built that are going to run.

    Raises:
        ValueError: If it does not know one.
    """
    encoders = [m for m in runner.model.modules() if isinstance(m, TextEncoder)]
    for stage, attribute in _LOOPS.items():
        dataloader = getattr(getattr(runner, attribute, None), 'dataloader', None)
        for modifier in find_modifiers(getattr(dataloader, 'dataset', None)):
            _check(modifier, encoders, stage)


def _check(modifier: DomainModifier, encoders: list[nn.Module], stage: str) -> None:
    if modifier.token is None or all(encoder.has_token(modifier.token) for encoder in encoders):
        return
    raise ValueError(
        f'the {stage} pipeline writes the learned token {modifier.token!r} into captions '
        f'({modifier}), which the text encoder of the backbone does not know and would split into '
        "pieces. Set model.backbone.prompt=dict(type='CaptionPrompt', "
        f"learned_embeds='{modifier.learned_embeds}')."
    )


def find_modifiers(dataset: Any) -> Iterator[DomainModifier]:
    """All ``DomainModifier`` s in the pipelines of a dataset.

    Args:
        dataset (Dataset): A dataset with a pipeline, or a wrapper around one or several.
    """
    wrapped = [getattr(dataset, 'dataset', None), *(getattr(dataset, 'datasets', None) or ())]
    for inner in wrapped:
        if inner is not None:
            yield from find_modifiers(inner)
    yield from _in_transforms(getattr(dataset, 'pipeline', None))


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
