"""Prompt types: what the U-Net is conditioned on."""

from .average_eos import AverageEOSPrompt
from .base import BasePrompt, FixedPrompt
from .caption import CaptionPrompt
from .null_text import NullTextPrompt
from .text_adapter import TextAdapter

__all__ = [
    'AverageEOSPrompt',
    'BasePrompt',
    'CaptionPrompt',
    'FixedPrompt',
    'NullTextPrompt',
    'TextAdapter',
]
