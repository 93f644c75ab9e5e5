"""Pipeline transforms that load, make and rewrite captions."""

from .domain_modifier import DomainModifier
from .load_captions import CaptionLoadTransform, CaptionNotFoundError
from .nouns_transform import NounsTransform
from .oracle_transforms import OracleCaptionTransform, OracleCropTransform, OracleLabels
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
