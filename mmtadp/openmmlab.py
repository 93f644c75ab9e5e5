"""Make mmtadp known to OpenMMLab: every effect that ``import mmtadp`` has on the process.

1. Registration of mmtadp's modules, in its own registries and in mmengine's.
2. ``MODULE2PACKAGE`` of mmengine: the prefixes ``mmtadp::``, ``mmseg::`` and ``mmdet::``.
3. ``Config._get_cfg_path`` of mmengine: configs inherited from ``mmtadp::`` keep their scope.
4. ``torch.serialization.add_safe_globals``: the classes in mmengine's checkpoints.
5. ``CheckpointLoader`` of mmengine: checkpoints are read as tensors and plain values only.
"""

from . import datasets, engine, evaluation, models  # noqa: F401
from .utils.checkpoints import load_checkpoints_safely, register_checkpoint_classes
from .utils.compat import keep_default_scope, register_config_packages

register_config_packages()
keep_default_scope()
register_checkpoint_classes()
load_checkpoints_safely()
