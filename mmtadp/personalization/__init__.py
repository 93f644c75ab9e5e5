"""Personalisation: a domain becomes a token (textual inversion) or a U-Net (DreamBooth)."""

from .comparison import PromptLoss, compare_prompts
from .diffusion import denoising_losses
from .dreambooth import DreamBooth, DreamBoothSettings
from .images import ImagePool
from .settings import PRECISIONS, Settings
from .templates import TEMPLATES
from .textual_inversion import TextualInversion, TextualInversionSettings
from .training import Summary, personalize

__all__ = [
    'PRECISIONS',
    'TEMPLATES',
    'DreamBooth',
    'DreamBoothSettings',
    'ImagePool',
    'PromptLoss',
    'Settings',
    'Summary',
    'TextualInversion',
    'TextualInversionSettings',
    'compare_prompts',
    'denoising_losses',
    'personalize',
]
