"""Captions, and the pipeline transforms that bring them to the model."""

from .captions import CaptionFileError, CaptionStore
from .transforms import CaptionLoadTransform, CaptionNotFoundError, DomainModifier

__all__ = [
    'CaptionFileError',
    'CaptionLoadTransform',
    'CaptionNotFoundError',
    'CaptionStore',
    'DomainModifier',
]
