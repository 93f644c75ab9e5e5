"""Check that the caption of a mixed image is not that of one of its images alone."""

import sys
from collections.abc import Iterator
from typing import Any

from torch import nn

from mmtadp.datasets import CaptionLoadTransform, MixCaptions, OracleCaptionTransform
from mmtadp.datasets.checks.loading import pipeline_transforms
from mmtadp.models.checks import find_backbones
from mmtadp.utils.errors import RunError


def check_mixed_captions(model: nn.Module, dataset: Any, stage: str) -> None:
    """Check that captions follow the pixels where images are mixed.

    ``Mosaic`` and the like keep the first image's caption, which the others contradict. The check
    accepts mixing inside of ``MixCaptions``, and captions from the ground truth after the mixing.

    Args:
        model (nn.Module): A segmentor or detector, wrapped or not.
        dataset (Dataset): A dataset with a pipeline, or a wrapper around one or several.
        stage (str): Use of the dataset, for the message, e.g. 'training'.

    Raises:
        RunError: If a pipeline mixes images whose captions are per image.
    """
    prompts = [backbone.prompt for backbone in find_backbones(model).values()]
    if not any('caption' in prompt.meta_keys for prompt in prompts):
        return
    for transforms in _sequences(dataset):
        _check(transforms, stage)


def _sequences(dataset: Any) -> Iterator[list]:
    """Yield the transforms of each dataset in a wrapper, in the order in which they run."""
    pipeline = list(pipeline_transforms(getattr(dataset, 'pipeline', ())))
    parts = list(getattr(dataset, 'datasets', None) or ())
    if getattr(dataset, 'dataset', None) is not None:
        parts.append(dataset.dataset)
    if not parts:
        yield pipeline
    for part in parts:
        for transforms in _sequences(part):
            yield [*transforms, *pipeline]


def _check(transforms: list, stage: str) -> None:
    inside = [id(t.mixing) for t in transforms if isinstance(t, MixCaptions)]
    is_mixing = [isinstance(t, MixCaptions) or mixes_images(t) for t in transforms]
    writes = [getattr(t, 'writes_caption', False) for t in transforms]
    for index, transform in enumerate(transforms):
        rest = transforms[index + 1 :]
        if not is_mixing[index] or any(isinstance(t, OracleCaptionTransform) for t in rest):
            continue
        joined = isinstance(transform, MixCaptions) or id(transform) in inside
        loaded_after = [t for t in rest if isinstance(t, CaptionLoadTransform)]
        name = type(getattr(transform, 'mixing', transform)).__name__
        if joined and loaded_after:
            raise RunError(
                f'the {stage} pipeline loads the caption of one image after {name} has mixed '
                'several. Put CaptionLoadTransform before the mixing, into the pipeline of the '
                'images that are mixed.'
            )
        if not joined and any(writes):
            raise RunError(
                f'the {stage} pipeline mixes several images ({name}), and their caption would be '
                "that of the first alone. Replace dict(type='" + name + "', ...) by "
                f"dict(type='mmtadp.MixCaptions', mixing=dict(type='{name}', ...)), which joins "
                'the captions; or make captions from the ground truth after the mixing, with '
                f"dict(type='mmtadp.OracleCaptionTransform', ...); or remove {name}."
            )


def mixes_images(transform: Any) -> bool:
    """Return whether a transform puts several images into one."""
    if hasattr(transform, 'get_indexes') or hasattr(transform, 'get_indices'):
        return True
    for cls in type(transform).__mro__:
        file = getattr(sys.modules[cls.__module__], '__file__', None)
        for method in vars(cls).values():
            # Not the code of a decorator: that of mmdet for boxes reads 'mix_results' of all.
            code = getattr(method, '__code__', None)
            if code and code.co_filename == file and 'mix_results' in code.co_consts:
                return True
    return False
