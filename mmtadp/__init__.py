"""TADP: text-to-image diffusion models as backbones for mmsegmentation and mmdetection."""

from .utils.dependencies import check_dependencies

# Before anything that imports what is checked.
check_dependencies()

from .utils.compat import keep_default_scope, register_checkpoint_classes, register_config_packages

register_config_packages()
keep_default_scope()
register_checkpoint_classes()

from . import datasets, engine, evaluation, models  # noqa: E402
from .version import __version__  # noqa: E402

__all__ = ['__version__', 'datasets', 'engine', 'evaluation', 'models']
