"""Register ``mmtadp.InitialHeadHook`` and ``mmtadp.ConfusionBySize``.

The configs of the runs import this module (``custom_imports``).
"""

from .confusion import ConfusionBySize
from .initial_head import InitialHeadHook

__all__ = ['ConfusionBySize', 'InitialHeadHook']
