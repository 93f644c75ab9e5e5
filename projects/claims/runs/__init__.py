"""The runs of the table: plan, data, configs, processes and results.

Importing it registers ``mmtadp.InitialHeadHook`` and ``mmtadp.ConfusionBySize``, which the configs
of the runs name.
"""

from .confusion import ConfusionBySize
from .initial_head import InitialHeadHook
from .results_file import ResultsFile
from .run_plan import Run, full_plan, quick_plan

__all__ = [
    'ConfusionBySize',
    'InitialHeadHook',
    'ResultsFile',
    'Run',
    'full_plan',
    'quick_plan',
]
