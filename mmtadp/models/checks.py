"""Check a whole model: channels between its parts, and prompts against a checkpoint."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from .backbones.tadp_unet import TADPUNetBackbone

# Key of a checkpoint's meta with the prompts that it was trained with.
META_KEY = 'mmtadp_prompt'


def find_backbones(model: nn.Module) -> dict[str, TADPUNetBackbone]:
    """Return all backbones in a model, by module name."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, TADPUNetBackbone)
    }


def check_channels(model: nn.Module) -> None:
    """Compare the channels that necks or heads take with those their backbone returns.

    mmseg and mmdet would fail in the first forward, with an error from inside a convolution.

    Args:
        model (nn.Module): A segmentor or detector, wrapped or not.

    Raises:
        ValueError: If the channels differ.
    """
    modules = dict(model.named_modules())
    for name, backbone in find_backbones(model).items():
        for part in _after_backbone(modules[name.rpartition('.')[0]]):
            _check_part(part, backbone)


def _after_backbone(owner: nn.Module) -> Iterator[nn.Module]:
    """Yield the neck, or without a neck each head."""
    neck = getattr(owner, 'neck', None)
    if neck is not None:
        yield neck
        return
    for head in (getattr(owner, name, None) for name in ('decode_head', 'auxiliary_head')):
        yield from head if isinstance(head, nn.ModuleList) else [head]


def _check_part(part: nn.Module, backbone: TADPUNetBackbone) -> None:
    taken = getattr(part, 'in_channels', None)
    if taken is None:
        return
    taken = [taken] if isinstance(taken, int) else list(taken)
    levels = range(len(backbone.out_channels))
    # Heads of mmseg choose maps by index, necks take all.
    index = getattr(part, 'in_index', levels)
    index = [index] if isinstance(index, int) else list(index)
    if not all(-len(levels) <= i < len(levels) for i in index):
        raise ValueError(
            f'{type(part).__name__} has in_index={index}, but the backbone gives '
            f'{len(levels)} maps, {list(backbone.out_channels)}. Set in_index to 0 to '
            f'{len(levels) - 1}.'
        )
    given = [backbone.out_channels[i] for i in index]
    # A head that concatenates its inputs publishes their sum.
    if taken not in (given, [sum(given)]):
        raise ValueError(
            f'{type(part).__name__} has in_channels={taken}, but the backbone gives {given} at '
            f'strides {[backbone.strides[i] for i in index]} ({backbone.describe_channels()}). '
            f'Set in_channels={given}.'
        )


def describe_prompts(model: nn.Module) -> list[dict]:
    """Return the descriptions of a model's prompts, for a checkpoint's meta."""
    return [backbone.prompt.describe() for backbone in find_backbones(model).values()]


def check_prompt(model: nn.Module, trained_with: list[dict] | None) -> None:
    """Compare a model's prompt type with the one a checkpoint was trained with.

    Args:
        model (nn.Module): The model.
        trained_with (list[dict], optional): Entry :data:`META_KEY` in the checkpoint's meta. None
            means that the checkpoint was saved without ``CaptionPromptHook``, and passes.

    Raises:
        ValueError: If they differ.
    """
    current = describe_prompts(model)
    if trained_with is None or trained_with == current:
        return
    differences = [
        f'{key} is {_brief(was.get(key), now.get(key))} in the checkpoint and '
        f'{_brief(now.get(key), was.get(key))} in this config'
        for was, now in zip(trained_with, current)
        for key in dict.fromkeys([*was, *now])
        if was.get(key) != now.get(key)
    ] or [f'there are {len(trained_with)} prompts in the checkpoint and {len(current)} here']
    raise ValueError(
        f'the checkpoint was trained with another prompt: {"; ".join(differences)}. Use the '
        'config it was trained with, or, to change the prompt on purpose, set '
        "`custom_hooks=[dict(type='mmtadp.CaptionPromptHook', check_checkpoint=False)]`."
    )


def _brief(value: Any, other: Any) -> str:
    """Return a value for a message; of two lists, where they begin to differ."""
    if not isinstance(value, list) or not isinstance(other, list):
        return repr(value)
    index = next((i for i, (a, b) in enumerate(zip(value, other)) if a != b), None)
    example = '' if index is None else f', at {index} {value[index]!r},'
    return f'a list of {len(value)}{example}'
