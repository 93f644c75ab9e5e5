"""Checkpoints of the published TADP and VPD code."""

from .convert import Conversion, convert_published
from .layouts import LAYOUTS, Layout, find_layout
from .settings import NORMALISATIONS, PublishedSettings
from .token_extraction import extract_learned_tokens
from .write import write_conversion

__all__ = [
    'LAYOUTS',
    'NORMALISATIONS',
    'Conversion',
    'Layout',
    'PublishedSettings',
    'convert_published',
    'extract_learned_tokens',
    'find_layout',
    'write_conversion',
]
