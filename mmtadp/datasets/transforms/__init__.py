"""Pipeline transforms."""

from .domain_modifier import DomainModifier
from .load_captions import CaptionLoadTransform, CaptionNotFoundError

__all__ = ['CaptionLoadTransform', 'CaptionNotFoundError', 'DomainModifier']
