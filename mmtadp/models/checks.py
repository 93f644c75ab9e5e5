"""Check the channels between the parts of a model."""

import copy
import logging
import re
from collections.abc import Iterator

import torch
from mmengine.logging import print_log
from torch import nn

from mmtadp.utils.errors import RunError

from .backbones.tadp_unet import TADPUNetBackbone


def find_backbones(model: nn.Module) -> dict[str, TADPUNetBackbone]:
    """Return all backbones in a model, by module name."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, TADPUNetBackbone)
    }


def walk_backbones(
    model: nn.Module,
) -> Iterator[tuple[tuple[nn.Module, ...], TADPUNetBackbone]]:
    """Yield each backbone after the modules around it, outermost first.

    Models that are held as plain attributes, as mmdet's distillation detectors hold their teacher,
    are searched too.
    """
    yield from _walk(model, (), set())


def _walk(
    module: nn.Module, parents: tuple[nn.Module, ...], without: set[int]
) -> Iterator[tuple[tuple[nn.Module, ...], TADPUNetBackbone]]:
    if isinstance(module, TADPUNetBackbone):
        yield parents, module
        return
    # A child may refer to a parent.
    if id(module) in without or any(module is parent for parent in parents):
        return
    found = False
    for child in [*module.children(), *_unregistered(module)]:
        for result in _walk(child, (*parents, module), without):
            found = True
            yield result
    if not found:
        without.add(id(module))


def _unregistered(module: nn.Module) -> Iterator[nn.Module]:
    for value in vars(module).values():
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, nn.Module):
                yield item


def check_channels(model: nn.Module) -> None:
    """Pass maps without values from each backbone to the parts that take them.

    mmseg and mmdet would fail in the first forward, with an error from inside a convolution.

    Args:
        model (nn.Module): A segmentor or detector, wrapped or not.

    Raises:
        RunError: If a neck, or without a neck a head, takes other channels than the backbone
            returns.
    """
    for parents, backbone in walk_backbones(model):
        if parents:
            for part in _after_backbone(parents[-1]):
                _check_part(part, backbone)


def _after_backbone(owner: nn.Module) -> Iterator[nn.Module]:
    """Yield the neck, or without a neck each head."""
    neck = getattr(owner, 'neck', None)
    if isinstance(neck, nn.Module):
        yield neck
        return
    for name, child in owner.named_children():
        if name.endswith('head'):
            yield from child if isinstance(child, nn.ModuleList) else [child]


def _check_part(part: nn.Module, backbone: TADPUNetBackbone) -> None:
    out_channels, levels = list(backbone.out_channels), len(backbone.out_channels)
    # Heads of mmseg choose maps by index, necks take all.
    index = getattr(part, 'in_index', None)
    index = [index] if isinstance(index, int) else list(index or range(levels))
    if not all(-levels <= i < levels for i in index):
        raise RunError(
            f'{type(part).__name__} has in_index={index}, but the backbone gives {levels} maps, '
            f'{out_channels}. Set in_index to 0 to {levels - 1}.'
        )
    problem = _misfit(part, backbone)
    if problem is None:
        return
    given = [out_channels[i] for i in index]
    taken = getattr(part, 'in_channels', None)
    takes, advice = f'does not take the maps of the backbone ({problem}):', ''
    if isinstance(taken, (int, list, tuple)):
        takes = f'has in_channels={[taken] if isinstance(taken, int) else list(taken)}, but'
        # A part that takes one map may take any.
        choice = 'one of them' if isinstance(taken, int) and len(given) > 1 else given
        advice = f' Set in_channels={choice}.'
    raise RunError(
        f'{type(part).__name__} {takes} the backbone gives {given} at strides '
        f'{[backbone.strides[i] for i in index]} ({backbone.describe_channels()}).{advice}'
    )


def _misfit(part: nn.Module, backbone: TADPUNetBackbone) -> str | None:
    """Return how the first forward would fail for the channels, or None.

    Attributes such as ``in_channels`` are lists in either order, integers, sums or overwritten, so
    a copy of the part runs on meta tensors, which have shapes and no values.
    """
    tensors = {**dict(part.named_parameters()), **dict(part.named_buffers())}
    memo = {
        id(tensor): nn.Parameter(meta, tensor.requires_grad)
        if isinstance(tensor, nn.Parameter)
        else meta
        for tensor in tensors.values()
        if (meta := tensor.detach().to('meta')) is not None
    }
    maps = tuple(
        torch.empty(1, channels, 1024 // stride, 1024 // stride, device='meta')
        for channels, stride in zip(backbone.out_channels, backbone.strides)
    )
    try:
        shapes = copy.deepcopy(part, memo).eval()
        with torch.no_grad():
            shapes(maps)
    except (RuntimeError, AssertionError, ValueError) as error:
        if isinstance(error, AssertionError) or re.search(
            'channel|cannot be multiplied|normalized_shape', str(error)
        ):
            return str(error).splitlines()[0] if str(error) else 'the number of maps differs'
    except Exception as error:
        # Operators without shapes, or another signature: the first forward will tell.
        print_log(f'channels of {type(part).__name__} not checked: {error!r}', level=logging.DEBUG)
    return None
