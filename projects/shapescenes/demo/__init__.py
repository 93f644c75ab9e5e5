"""The demo on ShapeScenes: train TinySD with and without captions, test, draw.

Importing this package loads no model library, so that ``tools/demo.py --help`` is fast.
"""

from .tasks import CAPTIONS, NULL_TEXT, TASKS, DemoTask

__all__ = ['CAPTIONS', 'NULL_TEXT', 'TASKS', 'DemoTask']
