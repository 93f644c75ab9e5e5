"""Check the channels between the parts of a model."""

from collections.abc import Iterator

from torch import nn

from .backbones.tadp_unet import TADPUNetBackbone


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
