"""Captions of images: the files, how their keys name images, and the store they are read into."""

from .formats import CaptionFileError
from .store import CaptionStore

__all__ = ['CaptionFileError', 'CaptionStore']
