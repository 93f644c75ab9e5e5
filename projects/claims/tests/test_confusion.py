import numpy as np
import pytest
import torch

from projects.claims.runs.confusion import (
    SIZES,
    ConfusionBySize,
    class_iou,
    confusability,
    mean_iou,
)


def sample(truth, predicted) -> dict:
    return {
        'gt_sem_seg': dict(data=torch.tensor([truth])),
        'pred_sem_seg': dict(data=torch.tensor([predicted])),
    }


def test_thirds_by_hand():
    metric = ConfusionBySize()
    metric.dataset_meta = dict(classes=('background', 'star', 'gear'))
    metric.process(
        None,
        [
            sample([[1, 1], [1, 1]], [[1, 1], [1, 0]]),  # four pixels a class
            sample([[0, 1], [2, 255]], [[0, 2], [2, 2]]),  # one pixel a class
            sample([[2, 2], [2, 0]], [[2, 1], [1, 0]]),  # three
        ],
    )
    scores = metric.evaluate(3)
    assert list(scores) == [f'confusion/{size}' for size in SIZES]
    assert scores['confusion/small'] == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    assert scores['confusion/medium'] == [[1, 0, 0], [0, 0, 0], [0, 2, 1]]
    assert scores['confusion/large'] == [[0, 0, 0], [1, 3, 0], [0, 0, 0]]


def test_figures_by_hand():
    matrix = np.array([[6, 0, 0, 0], [1, 3, 1, 0], [0, 2, 2, 0], [0, 0, 0, 0]])
    iou = class_iou(matrix)
    assert iou[:3] == pytest.approx([600 / 7, 300 / 7, 40]) and np.isnan(iou[3])
    assert mean_iou(matrix) == pytest.approx((600 / 7 + 300 / 7 + 40) / 3)
    taken = confusability(matrix)
    assert taken[:2] == pytest.approx([25, 50]) and np.isnan(taken[2])
