"""Captions for images: an image-to-text model, and a run that may be interrupted."""

from .captioner import DEFAULT_MODEL, DTYPES, Captioner, Decoding
from .errors import CaptioningError, UnusableImageError
from .image_keys import POLICIES
from .image_sources import SOURCES, ImageFile, find_images
from .local_engine import LocalEngine
from .plan import Plan, Task
from .processes import Processes
from .ray_engine import RayEngine
from .results import ResultFiles
from .run import Summary, run_task

__all__ = [
    'DEFAULT_MODEL',
    'DTYPES',
    'POLICIES',
    'SOURCES',
    'Captioner',
    'CaptioningError',
    'Decoding',
    'ImageFile',
    'LocalEngine',
    'Plan',
    'Processes',
    'RayEngine',
    'ResultFiles',
    'Summary',
    'Task',
    'UnusableImageError',
    'find_images',
    'run_task',
]
