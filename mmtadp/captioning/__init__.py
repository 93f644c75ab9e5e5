"""Run an image-to-text model over images; a run may be interrupted and continued."""

from .captioner import DEFAULT_MODEL, DTYPES, Captioner, Decoding
from .local_engine import LocalEngine
from .plan import Plan, Task
from .processes import Processes
from .ray_engine import RayEngine
from .run import Summary, run_task

__all__ = [
    'DEFAULT_MODEL',
    'DTYPES',
    'Captioner',
    'Decoding',
    'LocalEngine',
    'Plan',
    'Processes',
    'RayEngine',
    'Summary',
    'Task',
    'run_task',
]
