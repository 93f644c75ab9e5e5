"""Checkpoints of the published TADP and VPD code."""

from .convert import Conversion, convert_published
from .layouts import LAYOUTS, Layout, find_layout
from .learned_tokens import extract_learned_tokens
from .settings import NORMALISATIONS, Settings
from .write import write_conversion

__all__ = [
    'LAYOUTS',
    'NORMALISATIONS',
    'Conversion',
    'Layout',
    'Settings',
    'convert_published',
    'extract_learned_tokens',
    'find_layout',
    'write_conversion',
]
