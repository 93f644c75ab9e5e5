"""What the detection configs' evaluators say of predictions whose APs are known."""

import pytest
import torch
from mmdet.datasets import VOCDataset
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope

from tests.utils.paths import REPOSITORY

CONFIG = REPOSITORY / 'configs' / 'tadp' / 'tadp_null_modifier_voc2watercolor_100e.py'


def evaluate(detections, images: int = 2) -> dict:
    """Scores by the config's evaluators, of images with a dog and a person each.

    Args:
        detections: Of each image (class name, box, score).
    """
    config = Config.fromfile(CONFIG)
    names = VOCDataset.METAINFO['classes']
    objects = {'dog': [10.0, 10.0, 110.0, 110.0], 'person': [150.0, 20.0, 250.0, 120.0]}
    with DefaultScope.overwrite_default_scope('mmdet'):
        evaluator = Evaluator(list(config.test_evaluator))
    evaluator.dataset_meta = dict(classes=names)
    boxes = torch.tensor(list(objects.values()))
    labels = torch.tensor([names.index(name) for name in objects])
    samples = []
    for index in range(images):
        found = detections(index, objects)
        instances = [
            dict(bbox=box.tolist(), bbox_label=int(label), ignore_flag=0)
            for box, label in zip(boxes, labels)
        ]
        samples.append(
            dict(
                img_id=f'{index:06d}',
                ori_shape=(300, 300),
                instances=instances,
                gt_instances=dict(bboxes=boxes, labels=labels),
                ignored_instances=dict(bboxes=boxes[:0], labels=labels[:0]),
                pred_instances=dict(
                    bboxes=torch.tensor([box for _, box, _ in found]).reshape(-1, 4),
                    labels=torch.tensor([names.index(name) for name, _, _ in found]).long(),
                    scores=torch.tensor([score for _, _, score in found]),
                ),
            )
        )
    evaluator.process(samples)
    return evaluator.evaluate(images)


def test_only_classes_with_ground_truth_count():
    """Boxes of the other 14 (here 18) classes of the head change neither AP."""
    metrics = evaluate(
        lambda index, objects: [
            *((name, box, 0.9) for name, box in objects.items()),
            ('boat', [5.0, 5.0, 90.0, 90.0], 0.99),
            ('sofa', [100.0, 5.0, 200.0, 90.0], 0.95),
        ]
    )
    assert metrics['voc07_11point/mAP'] == pytest.approx(1.0)
    assert metrics['voc07_11point/AP50'] == pytest.approx(1.0)
    assert metrics['coco/bbox_mAP'] == pytest.approx(1.0)


def test_the_two_aps():
    """11 points against 101: with half of the objects found, 6 / 11 against 51 / 101."""
    metrics = evaluate(
        lambda index, objects: [(n, b, 0.9) for n, b in objects.items() if index == 0]
    )
    assert metrics['voc07_11point/mAP'] == pytest.approx(6 / 11, abs=1e-3)
    assert metrics['voc07_11point/AP50'] == pytest.approx(6 / 11, abs=1e-3)
    assert metrics['coco/bbox_mAP'] == pytest.approx(51 / 101, abs=1e-3)
    thresholds = [f'voc07_11point/AP{iou}' for iou in range(50, 100, 5)]
    assert set(thresholds) <= metrics.keys()

    def shifted(index, objects):
        """All found, at an IoU of 100 x 79 / (100 x 121) = 0.65."""
        return [(n, [b[0] + 21, b[1], b[2] + 21, b[3]], 0.9) for n, b in objects.items()]

    metrics = evaluate(shifted)
    at_65 = [metrics[name] for name in thresholds]
    assert at_65 == [1.0, 1.0, 1.0, 1.0, 0, 0, 0, 0, 0, 0]
    assert metrics['voc07_11point/mAP'] == pytest.approx(0.4)
    assert metrics['coco/bbox_mAP'] == pytest.approx(0.4)
