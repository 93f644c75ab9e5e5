"""Pipeline transforms for captions, and datasets that mmseg and mmdet lack."""

from .transforms import (
    CaptionLoadTransform,
    CaptionNotFoundError,
    CheckGroundTruth,
    DomainModifier,
    MixCaptions,
    NounsTransform,
    OracleCaptionTransform,
    OracleCropTransform,
    OracleLabels,
    SetDomain,
)

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
