"""Parts of detectors that mmdet lacks.

``import mmtadp`` does not import this package, because mmdet takes seconds to import and may not
be installed. The registry imports it when a config asks for ``mmtadp.RoundedAnchorGenerator``.
"""

from mmtadp.utils.dependencies import check_package

check_package('mmdet')

from .rounded_anchor_generator import RoundedAnchorGenerator  # noqa: E402

__all__ = ['RoundedAnchorGenerator']
