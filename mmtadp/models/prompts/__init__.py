"""Prompt types: what the U-Net is conditioned on."""

from .average_eos import AverageEOSPrompt
from .base import BasePrompt, FixedPrompt
from .caption import CaptionPrompt
from .category_eos import CategoryEOSPrompt
from .class_embeddings import ClassEmbeddingsPrompt
from .class_names import ClassNamesPrompt
from .null_text import NullTextPrompt
from .text_adapter import TextAdapter

__all__ = [
    'AverageEOSPrompt',
    'BasePrompt',
    'CaptionPrompt',
    'CategoryEOSPrompt',
    'ClassEmbeddingsPrompt',
    'ClassNamesPrompt',
    'FixedPrompt',
    'NullTextPrompt',
    'TextAdapter',
]
