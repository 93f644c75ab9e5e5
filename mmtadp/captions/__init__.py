"""Captions of images: the files, how their keys name images, the store they are read into, and
the nouns in them."""

from .formats import CaptionFileError
from .nouns import TaggerDataError, find_nouns
from .store import CaptionStore

__all__ = ['CaptionFileError', 'CaptionStore', 'TaggerDataError', 'find_nouns']
