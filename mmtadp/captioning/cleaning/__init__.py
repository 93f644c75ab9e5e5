"""Mentions of a style taken out of captions."""

from .offline import OfflineCleaner
from .vocabulary import STYLES, Vocabulary

__all__ = ['STYLES', 'OfflineCleaner', 'Vocabulary']
