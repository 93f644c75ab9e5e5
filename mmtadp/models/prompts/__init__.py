"""Prompt types: what the U-Net is conditioned on."""

from .average_eos import AverageEOSPrompt
from .base import BasePrompt, TextAdapter
from .caption import CaptionPrompt
from .category_eos import CategoryEOSPrompt
from .class_embeddings import ClassEmbeddingsPrompt
from .fixed import ClassNamesPrompt, FixedPrompt, NullTextPrompt

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
