"""Hand the metainfo of a batch over to the backbone of the model that gets the batch."""

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

from mmengine.model import BaseModel, is_model_wrapper
from mmengine.structures import BaseDataElement
from torch import nn

from mmtadp.models import TADPUNetBackbone
from mmtadp.models.checks import check_channels, walk_backbones
from mmtadp.utils.errors import RunError

# What models of mmseg and mmdet call the data samples, or the metainfo, of a batch.
_SAMPLES = ('data_samples', 'batch_data_samples', 'batch_img_metas')


class _PromptedMethod:
    """Call a method of a model with the prompts of the data samples that it is given.

    It is an attribute of the model that hides the method of the class. Forward hooks would not do:
    teachers and students are used through ``loss`` and ``predict``, and torch runs no hook after
    Ctrl-C.

    Args:
        model (nn.Module): The model.
        name (str): Name of the method.
        backbones (list[TADPUNetBackbone]): The backbones inside the model.
    """

    def __init__(self, model: nn.Module, name: str, backbones: list[TADPUNetBackbone]) -> None:
        self.model = model
        self.name = name
        self.backbones = backbones
        # An attribute that was there before, e.g. the method compiled.
        self.inner: Callable | None = vars(model).get(name)
        # Without `self`.
        parameters = list(inspect.signature(getattr(type(model), name)).parameters)[1:]
        self.parameter = next(parameter for parameter in _SAMPLES if parameter in parameters)
        self.position = parameters.index(self.parameter)

    def _method(self) -> Callable:
        return self.inner or getattr(type(self.model), self.name).__get__(self.model)

    @property
    def __wrapped__(self) -> Callable:
        # `inspect.signature` shows the method's own.
        return self._method()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        samples = kwargs.get(self.parameter)
        if samples is None and len(args) > self.position:
            samples = args[self.position]
        metainfo = _metainfo(samples)
        begun = []
        try:
            for backbone in self.backbones:
                begun.append(backbone.prompt_state)
                backbone.prompt_state.begin(metainfo, backbone.prompt.meta_keys)
            return self._method()(*args, **kwargs)
        finally:
            for state in begun:
                state.end()


def _metainfo(samples: Any) -> list[dict] | None:
    """Return the metainfo of data samples, or None of anything else.

    Teacher-student models, for example, have a dict of batches, whose parts they pass on.
    """
    if not isinstance(samples, (list, tuple)) or not samples:
        return None
    entries = [s.metainfo if isinstance(s, BaseDataElement) else s for s in samples]
    return entries if all(isinstance(entry, dict) for entry in entries) else None


def install_prompt_hooks(model: nn.Module) -> nn.Module:
    """Make a model pass each image's metainfo to its backbone; repeated calls change nothing.

    A stock segmentor or detector gets the data samples but passes only the images to its backbone.
    Every method with data samples of every ``BaseModel`` around the backbone therefore sets the
    prompts for the time of the call: ``forward``, and ``loss``, ``predict`` or ``encode_decode``
    where these are called directly, as teacher-student models do.

    Args:
        model (nn.Module): A segmentor or detector, wrapped (DDP, TTA) or not.

    Returns:
        nn.Module: The same model.

    Raises:
        ValueError: If the model has no ``TADPUNetBackbone``, none of the backbone's parents is a
            ``BaseModel``, or a neck or head takes other channels than the backbone returns.
    """
    found = list(walk_backbones(model))
    if not found:
        raise RunError(
            f'CaptionPromptHook found no TADPUNetBackbone in {type(model).__name__}: set '
            "model.backbone to `dict(type='mmtadp.TADPUNetBackbone', ...)` or drop the hook."
        )
    check_channels(model)
    inside: dict[int, tuple[BaseModel, list[TADPUNetBackbone]]] = {}
    for parents, backbone in found:
        owners = [m for m in parents if isinstance(m, BaseModel) and not is_model_wrapper(m)]
        if not owners:
            raise RunError(
                f'no mmengine BaseModel around the backbone of {type(model).__name__}: pass '
                '`captions` to the backbone, or call `backbone.set_prompts` before each forward '
                'instead.'
            )
        backbone.handed_over = True
        for owner in owners:
            inside.setdefault(id(owner), (owner, []))[1].append(backbone)
    for owner, backbones in inside.values():
        for name in _methods_with_samples(type(owner)):
            installed = vars(owner).get(name)
            if isinstance(installed, _PromptedMethod):
                installed.backbones = backbones
            else:
                setattr(owner, name, _PromptedMethod(owner, name, backbones))
    return model


def _methods_with_samples(cls: type) -> list[str]:
    return [
        name
        for name in dir(cls)
        if isinstance(function := inspect.getattr_static(cls, name), FunctionType)
        and set(_SAMPLES) & set(inspect.signature(function).parameters)
    ]
