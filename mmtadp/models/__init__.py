"""Models: the backbone, the prompts it takes and the diffusion model behind it."""

from .backbones import TADPUNetBackbone
from .diffusion import no_pretrained_weights
from .prompts import (
    AverageEOSPrompt,
    BasePrompt,
    CaptionPrompt,
    CategoryEOSPrompt,
    ClassEmbeddingsPrompt,
    ClassNamesPrompt,
    FixedPrompt,
    NullTextPrompt,
    TextAdapter,
)

__all__ = [
    'AverageEOSPrompt',
    'BasePrompt',
    'CaptionPrompt',
    'CategoryEOSPrompt',
    'ClassEmbeddingsPrompt',
    'ClassNamesPrompt',
    'FixedPrompt',
    'NullTextPrompt',
    'TADPUNetBackbone',
    'TextAdapter',
    'no_pretrained_weights',
]
