"""Personalisation: a domain becomes a token (textual inversion) or a U-Net (DreamBooth)."""

from .comparison import PromptLoss, compare_prompts
from .dreambooth import DreamBooth, DreamBoothSettings
from .images import ImagePool
from .settings import PRECISIONS, PersonalizationSettings
from .templates import TEMPLATES
from .textual_inversion import TextualInversion, TextualInversionSettings
from .training import RunSummary, personalize

__all__ = [
    'PRECISIONS',
    'TEMPLATES',
    'DreamBooth',
    'DreamBoothSettings',
    'ImagePool',
    'PromptLoss',
    'RunSummary',
    'PersonalizationSettings',
    'TextualInversion',
    'TextualInversionSettings',
    'compare_prompts',
    'personalize',
]
