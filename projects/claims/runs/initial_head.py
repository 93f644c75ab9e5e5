"""All variants of a task start from one and the same head."""

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
    """Neck and heads of a config as they are before training.

    Args:
        config (str | Config): Its file, or itself.
        seed (int): What they are drawn from.

    Returns:
        dict[str, Tensor]: The model's state without that of the backbone.
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
    """Gives neck and heads the weights of another config's, and starts all draws anew.

    Variants with as many attention maps as that config get all of its weights. A lateral
    convolution over another number of maps gets those of the U-Net's feature channels, which come
    first, and keeps what it drew for its maps itself. Seeding again afterwards gives all variants
    the same order and flips of images, however many weights each has drawn before.

    Args:
        config (dict): ``model`` and ``default_scope`` of that config.
        seed (int): What its head is drawn from.
    """

    priority = 'VERY_HIGH'

    def __init__(self, config: dict, seed: int) -> None:
        self.config, self.seed = Config(dict(config)), seed

    def before_train(self, runner) -> None:
        """Copies the weights.

        Args:
            runner (Runner): With a model of the same neck and heads.

        Raises:
            ValueError: If the model has other neck and heads.
        """
        model = runner.model
        head = initial_head(self.config, self.seed)
        own = {k: v for k, v in model.state_dict().items() if not k.startswith(f'{_BACKBONE}.')}
        if own.keys() != head.keys():
            odd = sorted(own.keys() ^ head.keys())
            raise ValueError(
                f'neck and heads differ from those that all variants start from, for example in '
                f'{odd[0]}: leave them as the base config of the task has them'
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
            f'{name} has shape {tuple(weight.shape)}, that of the head which all variants start '
            f'from {tuple(source.shape)}: variants may differ in attention maps only'
        )
    features = backbone.out_channels[int(level[1])] - backbone.prompt.num_tokens
    weight[:, :features] = source[:, :features].to(weight)
