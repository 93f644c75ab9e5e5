"""Channels that disagree are found when a model is built, not in its first forward."""

from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

from .tadp_unet import TADPUNetBackbone


def _check_neck(module: nn.Module, name: str, submodule: nn.Module) -> None:
    """Compares ``in_channels`` of a neck with what the backbone beside it publishes.

    Stock segmentors and detectors build the backbone first and the neck next, and neither sees
    the other; PyTorch's hook for registered submodules is the one place where they meet.

    Raises:
        ValueError: If they disagree.
    """
    if name != 'neck':
        return
    backbone = module._modules.get('backbone')
    in_channels = getattr(submodule, 'in_channels', None)
    if not isinstance(backbone, TADPUNetBackbone) or in_channels is None:
        return
    if list(in_channels) != list(backbone.out_channels):
        raise ValueError(
            f'{type(submodule).__name__} has in_channels={list(in_channels)}, but the backbone '
            f'gives {list(backbone.out_channels)} at strides {list(backbone.strides)} '
            f'({backbone.describe_channels()}). Set '
            f'neck=dict(in_channels={list(backbone.out_channels)}).'
        )


def install_neck_check() -> None:
    """Installs the check for every model built in this process."""
    register_module_module_registration_hook(_check_neck)
