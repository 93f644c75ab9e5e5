"""Remove mentions of a style from captions, by rules or with a language model."""

from .budget import Budget, BudgetSpentError
from .chat import ChatEndpoint
from .clean_file import clean_with_model
from .language_model import CleanedCaptions, LanguageModelCleaner
from .offline import OfflineCleaner
from .vocabulary import STYLES, Vocabulary

__all__ = [
    'STYLES',
    'Budget',
    'BudgetSpentError',
    'ChatEndpoint',
    'CleanedCaptions',
    'LanguageModelCleaner',
    'OfflineCleaner',
    'Vocabulary',
    'clean_with_model',
]
