"""Confusion matrices by the size of the objects."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from mmtadp.registry import METRICS, register_module

SIZES = ('small', 'medium', 'large')
PREFIX = 'confusion'


@register_module(METRICS)
class ConfusionBySize(BaseMetric):
    """Compute confusion matrices of the images with small, medium and large objects.

    The object size of an image is the mean area of the classes in its ground truth, without the
    background (label 0). Each third of the images has a matrix. Their sum is the matrix of all
    images, from which all metrics of segmentation follow.

    Args:
        collect_device (str): See ``BaseMetric``.
        prefix (str, optional): See ``BaseMetric``.
    """

    default_prefix = PREFIX

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Store the object size and the confusion matrix of each image.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): Have ``gt_sem_seg`` and ``pred_sem_seg``, (1, H, W).
        """
        count = len(self.dataset_meta['classes'])
        for sample in data_samples:
            truth = sample['gt_sem_seg']['data'].cpu().numpy().ravel().astype(np.int64)
            predicted = sample['pred_sem_seg']['data'].cpu().numpy().ravel().astype(np.int64)
            labelled = truth < count  # larger labels are ignored, as mmseg's 255
            pairs = count * truth[labelled] + predicted[labelled]
            matrix = np.bincount(pairs, minlength=count**2).reshape(count, count)
            areas = matrix[1:].sum(1)
            self.results.append((areas[areas > 0].mean() if areas.any() else 0.0, matrix))

    def compute_metrics(self, results: list[tuple[float, np.ndarray]]) -> dict[str, list]:
        """Return the sum of the matrices of each third of the images.

        Args:
            results (list): Object size and confusion matrix of each image.

        Returns:
            dict[str, list]: For each size, pixels by true class, then by predicted class.
        """
        order = np.argsort([area for area, _ in results], kind='stable')
        thirds = np.array_split(order, len(SIZES))
        empty = np.zeros_like(results[0][1])
        return {
            size: sum((results[i][1] for i in third), empty).tolist()
            for size, third in zip(SIZES, thirds)
        }


def class_iou(matrix: np.ndarray) -> np.ndarray:
    """Return the intersection over union of each class, in percent.

    Args:
        matrix (np.ndarray): (C, C) pixels by true class, then by predicted class.

    Returns:
        np.ndarray: (C,); NaN for a class that is neither in the ground truth nor predicted.
    """
    matrix = np.asarray(matrix, float)
    hits = matrix.diagonal()
    union = matrix.sum(0) + matrix.sum(1) - hits
    return 100 * np.divide(hits, union, out=np.full(len(matrix), np.nan), where=union > 0)


def mean_iou(matrix: np.ndarray) -> float:
    """Return the mean of :func:`class_iou` without NaN, as mmseg's mIoU."""
    return float(np.nanmean(class_iou(matrix)))


def confusability(matrix: np.ndarray) -> np.ndarray:
    """Return how often each object class is confused with another object class.

    Args:
        matrix (np.ndarray): (C, C) pixels by true class, then by predicted class; class 0 is the
            background.

    Returns:
        np.ndarray: (C - 1,) percentage of another object class among the pixels of a class that
        are labelled with any object class; NaN if there are no such pixels.
    """
    objects = np.asarray(matrix, float)[1:, 1:]
    total = objects.sum(1)
    wrong = total - objects.diagonal()
    return 100 * np.divide(wrong, total, out=np.full(len(objects), np.nan), where=total > 0)
