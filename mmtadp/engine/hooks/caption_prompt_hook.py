"""How each image's caption reaches the backbone."""

from typing import Any, Dict, List, Optional

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import BaseModel, is_model_wrapper
from torch import nn

from mmtadp.models import TADPUNetBackbone
from mmtadp.registry import HOOKS, register_module

from .learned_token_check import check_learned_tokens

META_KEY = 'mmtadp_prompt'
# The loops that a run goes through are built when it begins, the others are configs or None.
_LOOPS = dict(training='_train_loop', validation='_val_loop', testing='_test_loop')


class _SetPrompts:
    """Forward pre-hook of the owner: hands the samples' metainfo to the backbone."""

    def __init__(self, backbone: TADPUNetBackbone) -> None:
        self.backbone = backbone

    def __call__(self, model: nn.Module, args: tuple, kwargs: dict) -> None:
        samples = kwargs.get('data_samples', args[1] if len(args) > 1 else None)
        self.backbone.begin_forward()
        if samples is not None:
            self.backbone.set_prompts([sample.metainfo for sample in samples])


class _ClearPrompts:
    """Forward hook of the owner: the prompts have served, even if the forward failed."""

    def __init__(self, backbone: TADPUNetBackbone) -> None:
        self.backbone = backbone

    def __call__(self, model: nn.Module, args: tuple, output) -> None:
        self.backbone.end_forward()


def find_backbones(model: nn.Module) -> Dict[str, TADPUNetBackbone]:
    """All backbones in a model, by name."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, TADPUNetBackbone)
    }


def install_prompt_hooks(model: nn.Module) -> nn.Module:
    """Makes a model hand each image's metainfo to its backbone; once is enough.

    The forward of a stock segmentor or detector is given the data samples but passes its backbone
    the images alone. Two hooks on the model that owns the backbone, the innermost
    ``BaseModel`` around it, close the gap for training, sliding windows and test-time
    augmentation alike.

    Args:
        model (nn.Module): A segmentor or detector, wrapped (DDP, TTA) or not.

    Returns:
        nn.Module: The same model.

    Raises:
        ValueError: If no ``TADPUNetBackbone`` is in it, or none of its parents is a
            ``BaseModel``.
    """
    backbones = find_backbones(model)
    if not backbones:
        raise ValueError(
            f'CaptionPromptHook found no TADPUNetBackbone in {type(model).__name__}: set '
            "model.backbone to `dict(type='mmtadp.TADPUNetBackbone', ...)` or drop the hook."
        )
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
                'call `backbone.set_prompts` before each forward instead.'
            )
        installed = [
            hook
            for hook in owner._forward_pre_hooks.values()
            if isinstance(hook, _SetPrompts) and hook.backbone is backbone
        ]
        if not installed:
            owner.register_forward_pre_hook(_SetPrompts(backbone), with_kwargs=True)
            owner.register_forward_hook(_ClearPrompts(backbone), always_call=True)
    return model


@register_module(HOOKS)
class CaptionPromptHook(Hook):
    """Hands each image's caption to the backbone, and keeps checkpoints to their prompt type.

    Args:
        check_checkpoint (bool): Refuse a checkpoint that was trained with another prompt type,
            whose tensors may well fit. False allows it, for fine-tuning with another prompt or
            studying what a model does with one.
    """

    def __init__(self, check_checkpoint: bool = True) -> None:
        self.check_checkpoint = check_checkpoint

    def before_run(self, runner) -> None:
        """Installs the forward hooks.

        Raises:
            ValueError: If a pipeline writes a learned token that the backbone does not know, or
                no backbone of this project is in the model.
        """
        install_prompt_hooks(runner.model)
        for stage, name in _LOOPS.items():
            dataloader = getattr(getattr(runner, name, None), 'dataloader', None)
            if dataloader is not None:
                check_learned_tokens(runner.model, dataloader.dataset, stage)

    def before_save_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Writes down the prompt type."""
        checkpoint['meta'][META_KEY] = _describe_prompts(runner.model)

    def after_load_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Compares the prompt type.

        Raises:
            ValueError: If it is another one.
        """
        if self.check_checkpoint:
            check_prompt(runner.model, checkpoint.get('meta', {}).get(META_KEY))

    def after_run(self, runner) -> None:
        """Says how many captions were too long."""
        for backbone in find_backbones(runner.model).values():
            for module in backbone.modules():
                count = getattr(module, 'num_truncated', 0)
                if count:
                    print_log(f'{count} distinct captions were truncated', logger='current')


def check_prompt(model: nn.Module, trained_with: Optional[List[Dict]]) -> None:
    """Compares a model's prompt type with the one a checkpoint was trained with.

    Args:
        model (nn.Module): The model.
        trained_with (List[dict], optional): What the checkpoint's meta says. None, of a
            checkpoint that was not saved by a run with the hook, passes.

    Raises:
        ValueError: If they differ.
    """
    current = _describe_prompts(model)
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
    """A value for a message; of two lists, where they begin to differ."""
    if not isinstance(value, list) or not isinstance(other, list):
        return repr(value)
    index = next((i for i, (a, b) in enumerate(zip(value, other)) if a != b), None)
    example = '' if index is None else f', at {index} {value[index]!r},'
    return f'a list of {len(value)}{example}'


def _describe_prompts(model: nn.Module) -> List[Dict]:
    return [backbone.prompt.describe() for backbone in find_backbones(model).values()]
