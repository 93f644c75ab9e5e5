"""Pass each image's caption to the backbone."""

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import BaseModel, is_model_wrapper
from torch import nn

from mmtadp.models import TADPUNetBackbone
from mmtadp.models.checks import (
    META_KEY,
    check_channels,
    check_prompt,
    describe_prompts,
    find_backbones,
)
from mmtadp.registry import HOOKS, register_module

from .learned_token_check import check_learned_tokens

# The loops of the current run are built when it begins; the others are configs or None.
_LOOPS = dict(training='_train_loop', validation='_val_loop', testing='_test_loop')


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


@register_module(HOOKS)
class CaptionPromptHook(Hook):
    """Pass each image's caption to the backbone, and check a checkpoint's prompt type.

    Args:
        check_checkpoint (bool): Refuse a checkpoint that was trained with another prompt type,
            even if its tensors fit. False allows it, for fine-tuning with another prompt or
            studying its effect on a model. Defaults to True.
    """

    def __init__(self, check_checkpoint: bool = True) -> None:
        self.check_checkpoint = check_checkpoint

    def after_build(self, runner) -> None:
        """Install the forward hooks, before the run reads data or a checkpoint.

        :func:`mmtadp.utils.launch.build_runner` calls it. Where nothing does, as with ``mim
        train``, :meth:`before_run` is the first call.

        Raises:
            ValueError: See :func:`install_prompt_hooks`.
        """
        install_prompt_hooks(runner.model)

    def before_run(self, runner) -> None:
        """Install the forward hooks and check the learned tokens in captions.

        Raises:
            ValueError: See :func:`install_prompt_hooks` and :func:`check_learned_tokens`.
        """
        install_prompt_hooks(runner.model)
        for stage, name in _LOOPS.items():
            dataloader = getattr(getattr(runner, name, None), 'dataloader', None)
            if dataloader is not None:
                check_learned_tokens(runner.model, dataloader.dataset, stage)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Write the prompt type into the checkpoint's meta."""
        checkpoint['meta'][META_KEY] = describe_prompts(runner.model)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare the prompt type with the checkpoint's.

        Raises:
            ValueError: If they differ.
        """
        if self.check_checkpoint:
            check_prompt(runner.model, checkpoint.get('meta', {}).get(META_KEY))

    def after_run(self, runner) -> None:
        """Log how many captions were truncated."""
        for backbone in find_backbones(runner.model).values():
            for module in backbone.modules():
                count = getattr(module, 'num_truncated', 0)
                if count:
                    print_log(f'{count} distinct captions were truncated', logger='current')
