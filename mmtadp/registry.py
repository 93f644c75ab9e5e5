"""Registries of mmtadp.

Each registry is a child of mmengine's root registry, so a config of mmseg or mmdet reaches a
module as ``mmtadp.NAME`` without further settings. A lookup of a plain ``NAME`` in the scope of
mmseg or mmdet searches mmengine's root registry, but not mmtadp's. Every module is therefore
registered in the root as well: ``custom_imports=dict(imports=['mmtadp'])`` makes the plain name
work.
"""

from collections.abc import Callable

from .utils.dependencies import check_dependencies

# All code for OpenMMLab imports this file.
check_dependencies()

from mmengine.registry import DATASETS as ROOT_DATASETS  # noqa: E402
from mmengine.registry import HOOKS as ROOT_HOOKS  # noqa: E402
from mmengine.registry import METRICS as ROOT_METRICS  # noqa: E402
from mmengine.registry import MODELS as ROOT_MODELS  # noqa: E402
from mmengine.registry import TASK_UTILS as ROOT_TASK_UTILS  # noqa: E402
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS  # noqa: E402
from mmengine.registry import Registry  # noqa: E402

MODELS = Registry(
    'model',
    parent=ROOT_MODELS,
    scope='mmtadp',
    # Not `mmtadp.models`, which imports nothing until it is asked for a name.
    locations=['mmtadp.models.backbones.tadp_unet'],
)
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

# Only mmtadp has prompt types, so this registry has no parent.
PROMPTS = Registry('prompt', scope='mmtadp', locations=['mmtadp.models.prompts'])


def register_module(registry: Registry) -> Callable[[type], type]:
    """Return a class decorator that registers a module in ``registry`` and in its root.

    Args:
        registry (Registry): One of the child registries in this file.

    Returns:
        Callable: A decorator that returns the class unchanged.
    """

    def decorator(cls: type) -> type:
        registry.register_module(module=cls)
        registry.parent.register_module(module=cls)
        return cls

    return decorator
