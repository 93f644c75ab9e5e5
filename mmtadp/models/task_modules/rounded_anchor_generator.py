"""Anchors as torchvision makes them."""

from typing import Optional, Tuple, Union

from mmdet.models.task_modules import AnchorGenerator
from torch import Tensor

from mmtadp.registry import TASK_UTILS


@TASK_UTILS.register_module()
class RoundedAnchorGenerator(AnchorGenerator):
    """mmdet's anchors with their borders rounded to whole pixels, as in torchvision.

    The published code detects with torchvision's Faster R-CNN, whose boxes are relative to such
    anchors: one of 32 pixels and ratio 0.5 is 46 x 22, where mmdet's own is 45.25 x 22.63. With
    it, a converted checkpoint predicts the same boxes. All arguments are mmdet's.
    """

    def gen_single_level_base_anchors(
        self,
        base_size: Union[int, float],
        scales: Tensor,
        ratios: Tensor,
        center: Optional[Tuple[float]] = None,
    ) -> Tensor:
        """Anchors at one place of one level, (A, 4) as x1, y1, x2, y2; halves go to even."""
        return super().gen_single_level_base_anchors(base_size, scales, ratios, center).round()
