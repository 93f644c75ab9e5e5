"""What the demo can train, and what it shows of each."""

from .base import CAPTIONS, DemoTask, PromptRun
from .depth import DepthTask
from .detection import DetectionTask
from .segmentation import SegmentationTask

TASKS = {task.name: task for task in (SegmentationTask(), DepthTask(), DetectionTask())}
"""Tasks by the name that the command line takes; the first is the default."""

__all__ = ['CAPTIONS', 'TASKS', 'DemoTask', 'PromptRun']
