"""Models: the backbone, its prompts and the diffusion model in it.

Names are imported when they are first used: :class:`UNetFeatures` needs no OpenMMLab package, the
others do.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    'AverageEOSPrompt': 'prompts',
    'BasePrompt': 'prompts',
    'CaptionPrompt': 'prompts',
    'CategoryEOSPrompt': 'prompts',
    'ClassEmbeddingsPrompt': 'prompts',
    'ClassNamesPrompt': 'prompts',
    'FixedPrompt': 'prompts',
    'NullTextPrompt': 'prompts',
    'TADPUNetBackbone': 'backbones.tadp_unet',
    'TextAdapter': 'prompts',
    'UNetFeatures': 'backbones.unet_features',
    'find_backbones': 'checks',
    'no_pretrained_weights': 'diffusion',
}
__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'.{_MODULES[name]}', __name__), name)
