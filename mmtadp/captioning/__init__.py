"""Run an image-to-text model over images; a run may be interrupted and continued."""

from .captioner import DEFAULT_MODEL, DTYPES, Captioner, Decoding
from .captioning_run import CaptioningSummary, run_task
from .local_engine import Engine, LocalEngine
from .processes import Processes
from .ray_engine import RayEngine
from .task import Plan, Task

__all__ = [
    'DEFAULT_MODEL',
    'DTYPES',
    'Captioner',
    'CaptioningSummary',
    'Decoding',
    'Engine',
    'LocalEngine',
    'Plan',
    'Processes',
    'RayEngine',
    'Task',
    'run_task',
]
