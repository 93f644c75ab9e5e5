"""Compare the ground truth of each sample with its image."""

import os

import numpy as np
from mmcv.transforms import BaseTransform

from mmtadp.datasets.checks.ground_truth import describe_size
from mmtadp.datasets.checks.loading import TURNS, exif_orientation
from mmtadp.registry import TRANSFORMS, register_module
from mmtadp.utils.arguments import check_int
from mmtadp.utils.errors import RunError


@register_module(TRANSFORMS)
class CheckGroundTruth(BaseTransform):
    """Compare the mask or depth map of each sample with its image, in training and validation.

    Upstream compares them nowhere: with a crop, a mask of another size is trained on at the wrong
    place. Put the transform directly after ``LoadAnnotations`` or ``LoadDepthAnnotation``;
    transforms of the image before these make no difference, because the size of the file counts.

    ``CheckDatasetHook`` sets ``num_classes`` and ``ignore_index`` where they are None: the number
    of the dataset's classes, and the label that the loss or the metric ignores. Without the hook
    and the arguments, labels are not compared.

    Required Keys:

    - ori_shape (tuple[int, int])
    - gt_seg_map (np.ndarray, optional)
    - gt_depth_map (np.ndarray, optional)

    Args:
        num_classes (int, optional): Labels are 0 to ``num_classes - 1``. Defaults to None.
        ignore_index (int, optional): Label of pixels without a class. Defaults to None.

    Raises:
        ArgumentError: If an argument is not an integer, or ``num_classes`` below 1.
    """

    def __init__(self, num_classes: int | None = None, ignore_index: int | None = None):
        if num_classes is not None:
            check_int('num_classes', num_classes, minimum=1)
        if ignore_index is not None:
            check_int('ignore_index', ignore_index)
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def fill_in(self, num_classes: int | None, ignore_index: int) -> None:
        """Set the arguments that are None, as ``CheckDatasetHook`` does before a run."""
        if self.num_classes is None:
            self.num_classes = num_classes
        if self.ignore_index is None:
            self.ignore_index = ignore_index

    def transform(self, results: dict) -> dict:
        """Check the sample, and return it unchanged.

        Raises:
            RunError: If the mask or depth map has another size than the image, several channels,
                or a label outside the classes.
            ValueError: If the sample has no ``ori_shape``.
        """
        if 'ori_shape' not in results:
            raise ValueError(
                "CheckGroundTruth reads results['ori_shape'], which this sample lacks (it has: "
                f'{", ".join(results)}). Put it after LoadImageFromFile and LoadAnnotations.'
            )
        for key, path_key in (('gt_seg_map', 'seg_map_path'), ('gt_depth_map', 'depth_map_path')):
            truth = results.get(key)
            if truth is None:
                continue
            path = results.get(path_key, 'the ground truth')
            if truth.ndim != 2:
                raise RunError(f'{path} has {truth.shape[-1]} channels; expected one. {_ADVICE}')
            if truth.shape != tuple(results['ori_shape'][:2]):
                raise RunError(_other_size(path, truth.shape, results))
            if key == 'gt_seg_map' and self.num_classes is not None:
                self._check_labels(truth, path)
        return results

    def _check_labels(self, mask: np.ndarray, path: str) -> None:
        # Three passes over bytes; np.unique sorts, which takes longer than loading.
        if mask.max(initial=0) < self.num_classes:
            return
        beyond = mask[mask >= self.num_classes]
        wrong = beyond[beyond != self.ignore_index] if self.ignore_index is not None else beyond
        if wrong.size:
            labels = np.unique(wrong)
            shown = ', '.join(map(str, labels[:10])) + (', ...' if len(labels) > 10 else '')
            raise RunError(
                f'{path} has label {shown} in {wrong.size / mask.size:.1%} of its pixels; '
                f'expected 0 to {self.num_classes - 1}, or {self.ignore_index} for ignored '
                f'pixels. {_ADVICE}'
            )

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(num_classes={self.num_classes}, '
            f'ignore_index={self.ignore_index})'
        )


_ADVICE = '`tools/analysis_tools/check_dataset.py CONFIG` looks at all files.'


def _other_size(path: str, truth: tuple[int, int], results: dict) -> str:
    image_path = results.get('img_path', 'its image')
    size = tuple(results['ori_shape'][:2])
    text = f'{path} has {describe_size(truth)}, its image {image_path} {describe_size(size)}'
    orientation = 1
    if os.path.isfile(image_path):
        with open(image_path, 'rb') as file:
            orientation = exif_orientation(file.read())
    if orientation in TURNS and truth == size[::-1]:
        text += (
            f': the image is {TURNS[orientation]} when it is loaded (EXIF orientation '
            f"{orientation}), the other is not. Set color_type='color_ignore_orientation' in "
            'LoadImageFromFile, or turn one of them'
        )
    return f'{text}. Expected equal sizes. {_ADVICE}'
