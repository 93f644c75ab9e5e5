"""Mentions of a style taken out of captions."""

from .budget import Budget, BudgetSpentError
from .chat import ChatEndpoint
from .language_model import LanguageModelCleaner
from .offline import OfflineCleaner
from .run import clean_with_model
from .vocabulary import STYLES, Vocabulary

__all__ = [
    'STYLES',
    'Budget',
    'BudgetSpentError',
    'ChatEndpoint',
    'LanguageModelCleaner',
    'OfflineCleaner',
    'Vocabulary',
    'clean_with_model',
]
