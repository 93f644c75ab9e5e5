"""Pipeline transforms."""

from .domain_modifier import DomainModifier
from .load_captions import CaptionLoadTransform, CaptionNotFoundError
from .nouns import NounsTransform
from .oracle import OracleCaptionTransform, OracleCropTransform, OracleLabels
from .set_domain import SetDomain

__all__ = [
    'CaptionLoadTransform',
    'CaptionNotFoundError',
    'DomainModifier',
    'NounsTransform',
    'OracleCaptionTransform',
    'OracleCropTransform',
    'OracleLabels',
    'SetDomain',
]
