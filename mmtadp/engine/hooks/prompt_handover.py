"""Hand the metainfo of a batch over to the backbone of the model that gets the batch."""

from mmengine.model import BaseModel, is_model_wrapper
from torch import nn

from mmtadp.models import TADPUNetBackbone
from mmtadp.models.checks import check_channels, find_backbones


class _PromptHandover:
    """Pass the metainfo of a forward's samples to the backbone of the model."""

    def __init__(self, backbone: TADPUNetBackbone) -> None:
        self.backbone = backbone

    def before(self, model: nn.Module, args: tuple, kwargs: dict) -> None:
        """Set the prompts, as a forward pre-hook of the owning model."""
        samples = kwargs.get('data_samples', args[1] if len(args) > 1 else None)
        self.backbone.prompt_state.begin()
        if samples is not None:
            self.backbone.set_prompts([sample.metainfo for sample in samples])

    def after(self, model: nn.Module, args: tuple, output: object) -> None:
        """Drop the prompts, as a forward hook of the owning model, even after an error."""
        self.backbone.prompt_state.end()


def install_prompt_hooks(model: nn.Module) -> nn.Module:
    """Make a model pass each image's metainfo to its backbone; repeated calls change nothing.

    A stock segmentor or detector gets the data samples in its forward but passes only the images
    to its backbone. Two hooks on the model that owns the backbone, the innermost ``BaseModel``
    around it, pass the metainfo in training, sliding windows and test-time augmentation alike.

    Args:
        model (nn.Module): A segmentor or detector, wrapped (DDP, TTA) or not.

    Returns:
        nn.Module: The same model.

    Raises:
        ValueError: If the model has no ``TADPUNetBackbone``, none of the backbone's parents is a
            ``BaseModel``, or a neck or head takes other channels than the backbone returns.
    """
    backbones = find_backbones(model)
    if not backbones:
        raise ValueError(
            f'CaptionPromptHook found no TADPUNetBackbone in {type(model).__name__}: set '
            "model.backbone to `dict(type='mmtadp.TADPUNetBackbone', ...)` or drop the hook."
        )
    check_channels(model)
    modules = dict(model.named_modules())
    for name, backbone in backbones.items():
        parents = name.split('.')[:-1]
        candidates = [modules['.'.join(parents[:depth])] for depth in range(len(parents), -1, -1)]
        owner = next(
            (m for m in candidates if isinstance(m, BaseModel) and not is_model_wrapper(m)), None
        )
        if owner is None:
            raise ValueError(
                f'no mmengine BaseModel around the backbone {name!r} of {type(model).__name__}: '
                'pass `captions` to the backbone, or call `backbone.set_prompts` before each '
                'forward instead.'
            )
        installed = [getattr(hook, '__self__', None) for hook in owner._forward_pre_hooks.values()]
        if not any(isinstance(i, _PromptHandover) and i.backbone is backbone for i in installed):
            handover = _PromptHandover(backbone)
            owner.register_forward_pre_hook(handover.before, with_kwargs=True)
            owner.register_forward_hook(handover.after, always_call=True)
    return model
