"""Caption files: their formats and keys, how they are read, written, merged, checked and derived.

Training and inference read them through :class:`CaptionStore`.
"""

from .check import CaptionReport, check_captions
from .derive import Derived, derive_file, write_derived
from .formats import CaptionFileError, read_caption_file
from .keys_of_images import assign_keys
from .merge import merge_files
from .nouns import TaggerDataError, find_nouns
from .store import CaptionStore
from .write import ResultFiles

__all__ = [
    'CaptionFileError',
    'CaptionReport',
    'CaptionStore',
    'Derived',
    'ResultFiles',
    'TaggerDataError',
    'assign_keys',
    'check_captions',
    'derive_file',
    'find_nouns',
    'merge_files',
    'read_caption_file',
    'write_derived',
]
