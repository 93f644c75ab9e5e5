"""TADP: text-to-image diffusion models as backbones for mmsegmentation and mmdetection.

Where OpenMMLab is installed, importing mmtadp registers its modules and lets configs inherit from
``mmtadp::``. Without OpenMMLab, :class:`mmtadp.models.UNetFeatures` still works.
"""

from .version import __version__

try:
    import mmcv  # noqa: F401
    import mmengine  # noqa: F401
except ImportError:
    # Importing `mmtadp.registry`, as everything for OpenMMLab does, raises and names the packages.
    pass
else:
    from . import openmmlab  # noqa: F401

__all__ = ['__version__']
