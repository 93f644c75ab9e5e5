"""Describe in a checkpoint what features depend on besides weights, and compare it on loading."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import nn

from mmtadp.utils.plain_checkpoint import plain_value

from .checks import find_backbones

# Entry of a checkpoint's meta: a list with the description of each backbone.
META_KEY = 'mmtadp'
# Parts of a prompt that leave what is frozen in it as it is.
_NOT_FROZEN = ('text_adapter', 'learned_tokens')


@dataclass
class Comparison:
    """A model compared with the description in a checkpoint.

    Attributes:
        differences (list[str]): Settings that differ.
        remarks (list[str]): Learned tokens that differ, which a change of files explains.
        frozen_differ (list[str]): Names of backbones whose frozen parts of the prompt, text
            encoder or embeddings, are others than the checkpoint's.
    """

    differences: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    frozen_differ: list[str] = field(default_factory=list)


def unwrap(model: nn.Module) -> nn.Module:
    """Return the model inside wrappers of several GPUs and of test-time augmentation."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


def describe_model(model: nn.Module) -> list[dict]:
    """Return what each backbone's features depend on, for :data:`META_KEY`.

    Args:
        model (nn.Module): A segmentor or detector, wrapped or not.

    Returns:
        list[dict]: Plain values; see :meth:`.TADPUNetBackbone.describe`. ``normalisation`` has the
        mean, the standard deviation and the order of channels of the data preprocessor.
    """
    model = unwrap(model)
    return [
        plain_value(dict(backbone.describe(), normalisation=_normalisation(model, name)), name)
        for name, backbone in find_backbones(model).items()
    ]


def compare_model(model: nn.Module, trained_with: Any) -> Comparison:
    """Compare a model with the description in a checkpoint.

    Args:
        model (nn.Module): The model.
        trained_with (Any): Entry :data:`META_KEY` of the checkpoint's meta. None means that it was
            saved without ``CaptionPromptHook``, and equals any model.
    """
    comparison = Comparison()
    if trained_with is None:
        return comparison
    current = describe_model(model)
    if not _is_description(trained_with):
        comparison.differences.append(f'its meta[{META_KEY!r}] is {trained_with!r:.60}')
        return comparison
    if len(trained_with) != len(current):
        comparison.differences.append(
            f'there are {len(trained_with)} backbones in the checkpoint and {len(current)} here'
        )
    for name, was, now in zip(find_backbones(unwrap(model)), trained_with, current):
        prompts = was['prompt'], now['prompt']
        tokens = [prompt.get('learned_tokens') or [] for prompt in prompts]
        _compare_tokens(comparison, *({t['name']: t for t in side} for side in tokens))
        comparison.differences += _differences(_flat(was), _flat(now))
        frozen = [{k: v for k, v in p.items() if k not in _NOT_FROZEN} for p in prompts]
        if frozen[0] != frozen[1]:
            comparison.frozen_differ.append(name)
    return comparison


def _is_description(entry: Any) -> bool:
    if not isinstance(entry, list) or not all(isinstance(part, Mapping) for part in entry):
        return False
    prompts = [part.get('prompt') for part in entry]
    return all(
        isinstance(prompt, Mapping)
        and all(
            isinstance(token, Mapping) and token.keys() >= {'name', 'vectors', 'digest'}
            for token in prompt.get('learned_tokens') or ()
        )
        for prompt in prompts
    )


def _normalisation(model: nn.Module, backbone: str) -> dict | None:
    """Return how the images of a backbone are normalised, by its closest data preprocessor."""
    for owner in _owners(model, backbone):
        part = getattr(owner, 'data_preprocessor', None)
        # mmdet wraps it for several branches.
        part = getattr(part, 'data_preprocessor', part)
        mean, std = getattr(part, 'mean', None), getattr(part, 'std', None)
        if mean is not None:
            return dict(
                mean=[round(value, 4) for value in mean.flatten().tolist()],
                std=[round(value, 4) for value in std.flatten().tolist()],
                # mmseg and mmengine name it differently.
                bgr_to_rgb=getattr(part, 'channel_conversion', False)
                or getattr(part, '_channel_conversion', False),
            )
    return None


def _owners(model: nn.Module, backbone: str) -> Iterator[nn.Module]:
    modules = dict(model.named_modules())
    parents = backbone.split('.')[:-1]
    for depth in range(len(parents), -1, -1):
        yield modules['.'.join(parents[:depth])]


def _flat(description: Mapping, prefix: str = '') -> dict[str, Any]:
    """Return the settings that must agree, by dotted name."""
    flat = {}
    for key, value in description.items():
        if key in ('origin', 'learned_tokens'):
            continue
        if isinstance(value, Mapping):
            flat.update(_flat(value, f'{prefix}{key}.'))
        else:
            flat[prefix + key] = value
    return flat


def _differences(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [
        f'{key} is {_brief(was.get(key), now.get(key))} in the checkpoint and '
        f'{_brief(now.get(key), was.get(key))} in this config'
        for key in dict.fromkeys([*was, *now])
        if was.get(key) != now.get(key)
    ]


def _brief(value: Any, other: Any) -> str:
    """Return a value for a message; of two long lists, where they begin to differ."""
    if not isinstance(value, list) or not isinstance(other, list) or len(value) < 3:
        return repr(value)
    if all(isinstance(item, float) for item in value):
        return repr(value)
    index = next((i for i, (a, b) in enumerate(zip(value, other)) if a != b), None)
    example = '' if index is None else f', at {index} {value[index]!r},'
    return f'a list of {len(value)}{example}'


def _compare_tokens(comparison: Comparison, was: dict[str, dict], now: dict[str, dict]) -> None:
    """Compare learned tokens; their order means nothing, as their vectors come from the files."""
    for name in was:
        if name not in now:
            comparison.differences.append(
                f'prompt.learned_tokens has {name!r} in the checkpoint and not in this config '
                '(learned_embeds)'
            )
        elif was[name] != now[name]:
            comparison.remarks.append(
                f'the learned token {name!r} has other vectors than in training '
                f'({_vectors(was[name])} in training, {_vectors(now[name])} here); those of the '
                'file in learned_embeds are used'
            )
    for name in now:
        if name not in was:
            comparison.remarks.append(
                f'the learned token {name!r} was not there in training; its vectors come from '
                'the file in learned_embeds'
            )


def _vectors(token: dict) -> str:
    return f'{token["vectors"]} of digest {token["digest"]}'
