"""Score depth without the images that have no valid depth."""

from collections.abc import Sequence
from logging import WARNING
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS as ROOT_METRICS

from mmtadp.registry import METRICS, register_module
from mmtadp.utils.errors import RunError

_NAMED = 5  # images in the warning


@register_module(METRICS)
class ValidDepthMetric(BaseMetric):
    """mmseg's ``DepthMetric`` over the images that have valid depth.

    ``DepthMetric`` averages the figures of the images. An image without a pixel between
    ``min_depth_eval`` and ``max_depth_eval`` (inside the crop) has none, and all figures become
    NaN because of it. Such images are left out here, with a warning that names them.

    Args:
        collect_device (str): ``'cpu'`` or ``'gpu'``. Defaults to ``'cpu'``.
        collect_dir (str, optional): Folder for collecting on the CPU. Defaults to a temporary one.
        prefix (str, optional): Precedes all names. Defaults to none.
        **arguments: Of ``DepthMetric``.
    """

    def __init__(
        self,
        collect_device: str = 'cpu',
        collect_dir: str | None = None,
        prefix: str | None = None,
        **arguments: Any,
    ):
        super().__init__(collect_device=collect_device, collect_dir=collect_dir, prefix=prefix)
        self.metric = ROOT_METRICS.build(dict(type='mmseg.DepthMetric', **arguments))

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Let ``DepthMetric`` process a batch, and keep its results with the images' names.

        Args:
            data_batch (Any): A batch of the dataloader.
            data_samples (Sequence[dict]): The model's results for it.
        """
        self.metric.results = []
        self.metric.process(data_batch, data_samples)
        names = [sample.get('img_path', 'without img_path') for sample in data_samples]
        # None at all with format_only=True.
        self.results.extend(zip(names, self.metric.results))
        self.metric.results = []

    def compute_metrics(self, results: list[tuple[str, tuple]]) -> dict[str, float]:
        """Let ``DepthMetric`` average over the images with valid depth.

        Args:
            results (list[tuple[str, tuple]]): Name of each image, and the valid pixels of its
                ground truth and its prediction.

        Raises:
            RunError: If no image has valid depth.
        """
        valid = [result for _, result in results if len(result[0])]
        empty = [name for name, result in results if not len(result[0])]
        if empty:
            limits = f'{self.metric.min_depth_eval:g} and {self.metric.max_depth_eval:g}'
            shown = ', '.join(empty[:_NAMED]) + (', ...' if len(empty) > _NAMED else '')
            text = f'{len(empty):,} of {len(results):,} images have no depth between {limits}'
            if self.metric.crop_type is not None:
                text += f' inside {self.metric.crop_type}'
            if not valid:
                raise RunError(
                    f'{text}: {shown}. Set min_depth_eval and max_depth_eval of the metric, and '
                    'depth_rescale_factor of LoadDepthAnnotation, for these files.'
                )
            print_log(f'{text} and are not scored: {shown}', logger='current', level=WARNING)
        return self.metric.compute_metrics(valid)
