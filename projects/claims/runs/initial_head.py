"""Start all variants of a task from the same neck and heads."""

import re

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import set_random_seed
from torch import Tensor

from mmtadp.models import no_pretrained_weights
from mmtadp.registry import HOOKS, register_module

_BACKBONE = 'backbone'
_LEVEL = re.compile(r'neck\.lateral_convs\.(\d+)\.')


def initial_head(config: str | Config, seed: int) -> dict[str, Tensor]:
    """Return the weights of a config's neck and heads before training.

    Args:
        config (str | Config): The config or its file.
        seed (int): Seed of the weights.

    Returns:
        dict[str, Tensor]: The state dict of the model without the backbone.
    """
    if not isinstance(config, Config):
        config = Config.fromfile(config)
    with (
        DefaultScope.overwrite_default_scope(config.default_scope),
        torch.random.fork_rng(devices=[]),
    ):
        torch.manual_seed(seed)
        with no_pretrained_weights():
            model = MODELS.build(config.model)
        for name, part in model.named_children():
            if name != _BACKBONE and hasattr(part, 'init_weights'):
                part.init_weights()
    return {k: v for k, v in model.state_dict().items() if not k.startswith(f'{_BACKBONE}.')}


@register_module(HOOKS)
class InitialHeadHook(Hook):
    """Copy the initial neck and heads of a base config, and seed again.

    A variant with as many attention maps as the base config gets all weights. With another number
    of maps, a lateral convolution gets the weights of the U-Net's feature channels, which come
    first, and keeps its own weights for the maps. Seeding again gives all variants the same order
    and flips of images, whatever number of weights they have drawn before.

    Args:
        config (dict): ``model`` and ``default_scope`` of the base config.
        seed (int): Seed of the base config's weights, and of the training.
    """

    priority = 'VERY_HIGH'

    def __init__(self, config: dict, seed: int) -> None:
        self.config, self.seed = Config(dict(config)), seed

    def before_train(self, runner) -> None:
        """Copy the weights and seed.

        Args:
            runner (Runner): Its model has the neck and heads of the base config.

        Raises:
            ValueError: If the model has another neck or other heads.
        """
        model = runner.model
        head = initial_head(self.config, self.seed)
        own = {k: v for k, v in model.state_dict().items() if not k.startswith(f'{_BACKBONE}.')}
        if own.keys() != head.keys():
            odd = sorted(own.keys() ^ head.keys())
            raise ValueError(
                f'neck and heads differ from those of the base config, for example in {odd[0]}: '
                'keep those of the base config'
            )
        for name, weight in own.items():
            _copy(weight, head[name], name, model.backbone)
        set_random_seed(self.seed)


@torch.no_grad()
def _copy(weight: Tensor, source: Tensor, name: str, backbone) -> None:
    if weight.shape == source.shape:
        weight.copy_(source)
        return
    level = _LEVEL.match(name)
    # Output channels and kernel.
    if level is None or weight[:, :1].shape != source[:, :1].shape:
        raise ValueError(
            f'{name} has shape {tuple(weight.shape)}, but {tuple(source.shape)} in the base '
            'config: variants may differ in attention maps only'
        )
    features = backbone.out_channels[int(level[1])] - backbone.prompt.num_tokens
    weight[:, :features] = source[:, :features].to(weight)
