"""Pipeline transforms that bring captions to the model, and datasets that upstream lacks."""

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
