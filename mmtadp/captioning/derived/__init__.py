"""Caption files made from other caption files and from ground truth."""

from .caption_words import CaptionWords, add_words, drop_words, shuffle_words
from .files import Derived, derive_file, write_derived
from .ground_truth import class_names_caption, oracle_captions

__all__ = [
    'CaptionWords',
    'Derived',
    'add_words',
    'class_names_caption',
    'derive_file',
    'drop_words',
    'oracle_captions',
    'shuffle_words',
    'write_derived',
]
