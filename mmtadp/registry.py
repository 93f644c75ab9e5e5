"""Registries of mmtadp.

Each one is a child of mmengine's root registry, so a config of mmseg or mmdet
reaches a module as ``mmtadp.NAME`` with no other line. A lookup of a plain
``NAME`` from mmseg's or mmdet's scope climbs to the root only and never
descends into a sibling, so every module is registered in the root as well:
``custom_imports=dict(imports=['mmtadp'])`` then makes the plain name work.
"""

from typing import Callable, Type

from mmengine.registry import DATASETS as ROOT_DATASETS
from mmengine.registry import HOOKS as ROOT_HOOKS
from mmengine.registry import METRICS as ROOT_METRICS
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import TASK_UTILS as ROOT_TASK_UTILS
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS
from mmengine.registry import Registry

MODELS = Registry('model', parent=ROOT_MODELS, scope='mmtadp', locations=['mmtadp.models'])
DATASETS = Registry(
    'dataset', parent=ROOT_DATASETS, scope='mmtadp', locations=['mmtadp.datasets.benchmarks']
)
TRANSFORMS = Registry(
    'transform', parent=ROOT_TRANSFORMS, scope='mmtadp', locations=['mmtadp.datasets.transforms']
)
HOOKS = Registry('hook', parent=ROOT_HOOKS, scope='mmtadp', locations=['mmtadp.engine.hooks'])
METRICS = Registry('metric', parent=ROOT_METRICS, scope='mmtadp', locations=['mmtadp.evaluation'])
TASK_UTILS = Registry(
    'task util', parent=ROOT_TASK_UTILS, scope='mmtadp', locations=['mmtadp.models.task_modules']
)

# Prompt types are a concept of this project alone, so their registry is a root of its own.
PROMPTS = Registry('prompt', scope='mmtadp', locations=['mmtadp.models.prompts'])


def register_module(registry: Registry) -> Callable[[Type], Type]:
    """Class decorator that registers a module in ``registry`` and in its root.

    Args:
        registry (Registry): One of this file's child registries.

    Returns:
        Callable: A decorator that returns the class unchanged.
    """

    def decorator(cls: Type) -> Type:
        registry.register_module(module=cls)
        registry.parent.register_module(module=cls)
        return cls

    return decorator
