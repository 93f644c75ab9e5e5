"""Pipeline transforms that load, make and rewrite captions."""

from .check_ground_truth import CheckGroundTruth
from .domain_modifier import DomainModifier
from .load_captions import CaptionLoadTransform, CaptionNotFoundError
from .mix_captions import MixCaptions
from .nouns_transform import NounsTransform
from .oracle_transforms import OracleCaptionTransform, OracleCropTransform, OracleLabels
from .set_domain import SetDomain

__all__ = [
    'CaptionLoadTransform',
    'CaptionNotFoundError',
    'CheckGroundTruth',
    'DomainModifier',
    'MixCaptions',
    'NounsTransform',
    'OracleCaptionTransform',
    'OracleCropTransform',
    'OracleLabels',
    'SetDomain',
]
