"""Anchors with whole-pixel borders, as in torchvision."""

from mmdet.models.task_modules import AnchorGenerator
from torch import Tensor

from mmtadp.registry import TASK_UTILS


@TASK_UTILS.register_module()
class RoundedAnchorGenerator(AnchorGenerator):
    """Generate mmdet's anchors with their borders rounded to whole pixels, as in torchvision.

    The published code detects with torchvision's Faster R-CNN, whose boxes are relative to such
    anchors: with 32 pixels and ratio 0.5 an anchor is 46 x 22, where mmdet's is 45.25 x 22.63.
    With rounded anchors a converted checkpoint predicts the same boxes. All arguments are mmdet's.
    """

    def gen_single_level_base_anchors(
        self,
        base_size: int | float,
        scales: Tensor,
        ratios: Tensor,
        center: tuple[float, float] | None = None,
    ) -> Tensor:
        """Return anchors at one location of one level, (A, 4) as x1, y1, x2, y2.

        Borders halfway between two pixels are rounded to the even one.
        """
        return super().gen_single_level_base_anchors(base_size, scales, ratios, center).round()
