"""What mmdet's metrics report where a detector knows more classes than the data have.

The datasets are read with all 20 classes of Pascal VOC; their boxes are of three. Both metrics
average over these three, and all numbers are known beforehand:

- dog: two boxes, of which one is found exactly. Recall 0.5 at precision 1: 6 of 11 points, 51 of
  COCO's 101.
- person: one box, of which the upper 72 % are found. 1 up to an IoU of 0.7, 0 from 0.75.
- bird: one box, not found. 0.
- sofa and car: found with high scores where no box is, or a difficult one. Not counted.
"""

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, init_default_scope
from mmengine.structures import InstanceData

from tests.utils.voc_layout import VOC_CLASSES, write_voc

# Corners as VOC counts them: from 1, the last pixel belongs to the box.
BOXES = {
    '1': [('dog', (11, 11, 60, 60), 0), ('person', (1, 1, 51, 51), 0)],
    '2': [('dog', (21, 11, 70, 60), 0), ('bird', (31, 31, 60, 60), 0)],
    '3': [('sofa', (1, 1, 31, 31), 1)],
}
# Image, class, score, and corners from 0.
FOUND = [
    ('1', 'dog', 0.9, (10, 10, 59, 59)),
    ('1', 'person', 0.8, (0, 0, 50, 36)),
    ('1', 'sofa', 0.95, (0, 0, 40, 40)),
    ('2', 'car', 0.99, (0, 0, 40, 40)),
    ('3', 'sofa', 0.99, (0, 0, 30, 30)),
]
THRESHOLDS = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
VOC = dict(type='VOCMetric', iou_thrs=THRESHOLDS, eval_mode='11points')
COCO = dict(type='CocoMetric')


def predictions(root, name='Watercolor2kDataset', domain=None, meta_keys=('instances',)) -> list:
    """Return samples of the test images with :data:`FOUND`."""
    set_domain = [] if domain is None else [dict(type='mmtadp.SetDomain', domain=domain)]
    dataset = DATASETS.build(
        dict(
            type=f'mmtadp.{name}',
            metainfo=dict(classes=VOC_CLASSES),
            data_root=str(root),
            ann_file='ImageSets/Main/test.txt',
            test_mode=True,
            pipeline=[
                dict(type='LoadImageFromFile'),
                *set_domain,
                dict(type='Resize', scale=(512, 512), keep_ratio=True),
                dict(type='LoadAnnotations', with_bbox=True),
                dict(
                    type='PackDetInputs', meta_keys=('img_id', 'ori_shape', 'domain', *meta_keys)
                ),
            ],
        )
    )
    samples = [item['data_samples'] for item in dataset]
    for sample in samples:
        found = [entry[1:] for entry in FOUND if entry[0] == sample.img_id]
        labels, scores, boxes = zip(*found) if found else ([], [], [])
        sample.pred_instances = InstanceData(
            labels=torch.tensor([VOC_CLASSES.index(label) for label in labels], dtype=torch.int64),
            scores=torch.tensor(scores),
            bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        )
    return samples


@pytest.fixture
def root(tmp_path):
    init_default_scope('mmdet')
    return write_voc(tmp_path, BOXES, 'test')


def evaluate(metric: dict | list[dict], samples: list) -> dict:
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = dict(classes=VOC_CLASSES)
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


def test_voc_metric(root):
    scores = evaluate(dict(VOC), predictions(root))
    dog = 6 / 11
    expected = {f'pascal_voc/AP{round(100 * t)}': dog / 3 for t in THRESHOLDS}
    for percent in (50, 55, 60, 65, 70):
        expected[f'pascal_voc/AP{percent}'] += 1 / 3
    assert {name: value for name, value in scores.items() if name != 'pascal_voc/mAP'} == {
        name: pytest.approx(value, abs=6e-4) for name, value in expected.items()
    }
    # Table 5's AP.
    assert scores['pascal_voc/mAP'] == pytest.approx((dog + 0.5) / 3, abs=1e-6)


def test_coco_metric(root):
    scores = evaluate(dict(COCO), predictions(root))
    dog = 51 / 101
    assert scores['coco/bbox_mAP'] == pytest.approx((dog + 0.5) / 3, abs=6e-4)
    assert scores['coco/bbox_mAP_50'] == pytest.approx((dog + 1) / 3, abs=6e-4)
    assert scores['coco/bbox_mAP_75'] == pytest.approx(dog / 3, abs=6e-4)


def test_coco_metric_needs_the_instances(root):
    with pytest.raises(AssertionError, match='ground truth is required'):
        evaluate(dict(COCO), predictions(root, meta_keys=()))


def test_each_domain_by_itself(tmp_path):
    init_default_scope('mmdet')
    # The comics lack what is found in the paintings, and have a bird of the same image id.
    write_voc(tmp_path / 'watercolor', BOXES, 'test')
    comics = {'1': BOXES['1'][:1], '2': BOXES['2'][1:]}
    write_voc(tmp_path / 'comic', comics, 'test')
    samples = [
        *predictions(tmp_path / 'watercolor', domain='watercolor'),
        *predictions(tmp_path / 'comic', 'Comic2kDataset', domain='comic'),
    ]
    metrics = [dict(VOC, iou_thrs=[0.5, 0.75]), COCO]
    per_domain = [dict(type='mmtadp.PerDomainMetric', metric=metric) for metric in metrics]
    scores = evaluate(per_domain, samples)
    for domain, part in (('watercolor', samples[:3]), ('comic', samples[3:])):
        alone = evaluate(metrics, part)
        assert len(alone) == 9
        assert {name: scores[f'{domain}/{name}'] for name in alone} == alone
    # All of the one dog, none of the one bird.
    assert scores['comic/pascal_voc/mAP'] == pytest.approx(1 / 2, abs=1e-6)
    assert scores['comic/coco/bbox_mAP'] == 0.5
    assert scores['mean/pascal_voc/mAP'] == np.mean(
        [scores['comic/pascal_voc/mAP'], scores['watercolor/pascal_voc/mAP']]
    )
    # No large boxes: undefined in both domains.
    assert scores['comic/coco/bbox_mAP_l'] == -1
    assert 'mean/coco/bbox_mAP_l' not in scores
