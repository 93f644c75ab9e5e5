"""Parts of detectors that mmdet lacks.

Not imported by ``import mmtadp``, as mmdet takes seconds to import and may not be installed. The
registry imports this package when a config asks for ``mmtadp.RoundedAnchorGenerator``.
"""

from mmtadp.utils.dependencies import check_package

check_package('mmdet')

from .rounded_anchor_generator import RoundedAnchorGenerator  # noqa: E402

__all__ = ['RoundedAnchorGenerator']
