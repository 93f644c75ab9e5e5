"""Which classes are taken for which, by size of the objects."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from mmtadp.registry import METRICS, register_module

SIZES = ('small', 'medium', 'large')
PREFIX = 'confusion'


@register_module(METRICS)
class ConfusionBySize(BaseMetric):
    """Confusion matrices of the thirds of the images with small, medium and large objects.

    An image's object size is the mean area of the classes in its ground truth, the background
    (label 0) left out. The three matrices add up to that of all images, from which any other
    figure of segmentation follows.

    Args:
        collect_device (str): As of any metric.
        prefix (str, optional): As of any metric.
    """

    default_prefix = PREFIX

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keeps object size and confusion matrix of each image.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): With ``gt_sem_seg`` and ``pred_sem_seg``, (1, H, W).
        """
        count = len(self.dataset_meta['classes'])
        for sample in data_samples:
            truth = sample['gt_sem_seg']['data'].cpu().numpy().ravel().astype(np.int64)
            predicted = sample['pred_sem_seg']['data'].cpu().numpy().ravel().astype(np.int64)
            labelled = truth < count  # others are to be ignored
            pairs = count * truth[labelled] + predicted[labelled]
            matrix = np.bincount(pairs, minlength=count**2).reshape(count, count)
            areas = matrix[1:].sum(1)
            self.results.append((areas[areas > 0].mean() if areas.any() else 0.0, matrix))

    def compute_metrics(self, results: list[tuple[float, np.ndarray]]) -> dict[str, list]:
        """Sums matrices over thirds of the images.

        Args:
            results (list): Object size and confusion matrix of each image.

        Returns:
            dict[str, list]: For each of :data:`SIZES` pixels by true class, then by predicted.
        """
        order = np.argsort([area for area, _ in results], kind='stable')
        thirds = np.array_split(order, len(SIZES))
        empty = np.zeros_like(results[0][1])
        return {
            size: sum((results[i][1] for i in third), empty).tolist()
            for size, third in zip(SIZES, thirds)
        }


def class_iou(matrix: np.ndarray) -> np.ndarray:
    """Intersection over union of each class, in percent; NaN where a class is nowhere.

    Args:
        matrix (np.ndarray): (C, C) pixels by true class, then by predicted.

    Returns:
        np.ndarray: (C,)
    """
    matrix = np.asarray(matrix, float)
    hits = matrix.diagonal()
    union = matrix.sum(0) + matrix.sum(1) - hits
    return 100 * np.divide(hits, union, out=np.full(len(matrix), np.nan), where=union > 0)


def mean_iou(matrix: np.ndarray) -> float:
    """Mean of :func:`class_iou` over classes that are somewhere, as mmseg's mIoU."""
    return float(np.nanmean(class_iou(matrix)))


def confusability(matrix: np.ndarray) -> np.ndarray:
    """How often each object class is taken for another object class.

    Args:
        matrix (np.ndarray): (C, C) pixels by true class, then by predicted; 0 is the background.

    Returns:
        np.ndarray: (C - 1,) share, in percent, of the pixels of a class that are labelled with
        another object class, among those labelled with any object class; NaN where there are none.
    """
    objects = np.asarray(matrix, float)[1:, 1:]
    total = objects.sum(1)
    wrong = total - objects.diagonal()
    return 100 * np.divide(wrong, total, out=np.full(len(objects), np.nan), where=total > 0)
