"""Pipeline transforms for captions, and datasets that mmseg and mmdet lack."""

from .transforms import (
    CaptionLoadTransform,
    CaptionNotFoundError,
    DomainModifier,
    NounsTransform,
    OracleCaptionTransform,
    OracleCropTransform,
    OracleLabels,
    SetDomain,
)

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
