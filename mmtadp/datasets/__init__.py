"""Captions, and the pipeline transforms that bring them to the model."""

from .captions import CaptionFileError, CaptionStore, TaggerDataError, find_nouns
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
    'CaptionFileError',
    'CaptionLoadTransform',
    'CaptionNotFoundError',
    'CaptionStore',
    'DomainModifier',
    'NounsTransform',
    'OracleCaptionTransform',
    'OracleCropTransform',
    'OracleLabels',
    'SetDomain',
    'TaggerDataError',
    'find_nouns',
]
