"""Build the model of a config with random weights, for tools that measure it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config
    from torch import nn


def build_model(
    config: 'Config', path: str, device: 'torch.device | str | None' = None
) -> 'nn.Module':
    """Build a config's model in its own sizes, those of ``pretrained``, without its weights.

    Args:
        config (Config): The config.
        path (str): Its file, for messages.
        device (torch.device | str, optional): Device of its random weights. None gives the meta
            device, where tensors have shapes only and take no memory.

    Returns:
        nn.Module: A segmentor or detector with a ``TADPUNetBackbone``.

    Raises:
        RunError: If it cannot be built, such as for a ``pretrained`` that is not there.
    """
    import torch
    from mmengine.registry import MODELS, init_default_scope

    from mmtadp.models import TADPUNetBackbone
    from mmtadp.models.checks import check_channels
    from mmtadp.utils.dependencies import check_package
    from mmtadp.utils.errors import RunError
    from mmtadp.utils.pretrained import no_pretrained_weights

    scope = config.get('default_scope', 'mmseg')
    try:
        check_package(scope)
        init_default_scope(scope)
        with torch.device('meta' if device is None else 'cpu'), no_pretrained_weights():
            model = MODELS.build(config.model)
        if not isinstance(getattr(model, 'backbone', None), TADPUNetBackbone):
            raise RunError(f'{type(model).__name__} has no TADPUNetBackbone as its backbone.')
        check_channels(model)
    except (ImportError, KeyError, OSError, TypeError, ValueError) as error:
        reason = str(error.args[0] if isinstance(error, KeyError) else error)
        raise RunError(f'the model of {path} cannot be built: {reason}') from error
    if device is None:
        return model
    # A backbone without pretrained weights runs once a state dict is loaded: its own random one.
    model.load_state_dict(model.state_dict())
    return model.to(device)
