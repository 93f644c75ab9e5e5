"""The paper's claims in miniature: which runs, what came out, and what that says."""

from .confusion import ConfusionBySize
from .initial_head import InitialHeadHook
from .plan import Run, full_plan, quick_plan
from .results import ResultsFile

__all__ = [
    'ConfusionBySize',
    'InitialHeadHook',
    'ResultsFile',
    'Run',
    'full_plan',
    'quick_plan',
]
