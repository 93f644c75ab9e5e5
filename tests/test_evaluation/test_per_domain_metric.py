import numpy as np
import pytest
import torch
from mmdet.evaluation import CocoMetric
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.registry import METRICS as ROOT_METRICS
from mmengine.registry import init_default_scope
from mmseg.evaluation import IoUMetric

from mmtadp.evaluation import PerDomainMetric
from mmtadp.registry import METRICS

CLASSES = ('road', 'sky')


class Share(BaseMetric):
    """Share of samples that are right, their number, and what may not be averaged."""

    default_prefix = 'own'

    def process(self, data_batch, data_samples):
        self.results.extend(sample['right'] for sample in data_samples)

    def compute_metrics(self, results):
        share = sum(results) / len(results)
        extra = dict(only_here=1.0) if share == 1 else {}
        small = -1.0 if share == 1 else 0.5
        return dict(share=share, count=len(results), table='|', nan=np.nan, small=small, **extra)


def mask_samples() -> list[dict]:
    """Two of the night, of which half the pixels are right, and one right one in fog."""
    samples = []
    for domain, predicted in (('night', [0, 1]), ('fog', [0, 0]), ('night', [1, 0])):
        samples.append(
            dict(
                domain=domain,
                pred_sem_seg=dict(data=torch.tensor([[predicted]])),
                gt_sem_seg=dict(data=torch.zeros(1, 1, 2, dtype=torch.int64)),
            )
        )
    return samples


def test_registered_in_both_scopes():
    init_default_scope('mmseg')
    for registry, name in (
        (METRICS, 'PerDomainMetric'),
        (ROOT_METRICS, 'PerDomainMetric'),
        (ROOT_METRICS, 'mmtadp.PerDomainMetric'),
    ):
        metric = registry.build(dict(type=name, metric=dict(type='IoUMetric')))
        assert type(metric) is PerDomainMetric
        assert type(metric.metric) is IoUMetric
    init_default_scope('mmdet')
    metric = ROOT_METRICS.build(dict(type=name, metric=dict(type='CocoMetric')))
    assert type(metric.metric) is CocoMetric


def test_iou_of_each_domain():
    init_default_scope('mmseg')
    evaluator = Evaluator(dict(type='mmtadp.PerDomainMetric', metric=dict(type='IoUMetric')))
    evaluator.dataset_meta = dict(classes=CLASSES)
    samples = mask_samples()
    for _ in range(2):  # nothing is left over from one evaluation to the next
        evaluator.process(samples[:2])
        evaluator.process(samples[2:])
        scores = evaluator.evaluate(3)
        assert list(scores) == [
            *('night/aAcc', 'night/mIoU', 'night/mAcc'),
            *('fog/aAcc', 'fog/mIoU', 'fog/mAcc'),
            # Accuracy of sky, which is nowhere, is NaN and not part of mAcc.
            *('mean/aAcc', 'mean/mIoU', 'mean/mAcc'),
        ]
        # At night road has 2 of 4 pixels and sky none of 2.
        assert scores['night/mIoU'] == 25
        assert scores['fog/mIoU'] == 100
        assert scores['mean/mIoU'] == 62.5
        assert scores['night/aAcc'] == 50
        assert scores['mean/aAcc'] == 75


def test_prefixes_and_means():
    metric = PerDomainMetric(Share(), prefix='targets')
    metric.process(
        None, [dict(domain=d, right=r) for d, r in (('a', 1), ('b', 0), ('b', 0), ('b', 1))]
    )
    scores = metric.evaluate(4)
    assert scores.pop('targets/a/own/only_here') == 1
    assert scores['targets/a/own/share'] == 1
    assert scores['targets/b/own/share'] == pytest.approx(1 / 3)
    # Of domains, not of samples; and only of numbers that all of them have.
    means = {name: value for name, value in scores.items() if '/mean/' in name}
    assert means == {
        'targets/mean/own/share': pytest.approx(2 / 3),
        'targets/mean/own/count': 2,
    }
    assert scores['targets/a/own/table'] == '|'
    assert scores['targets/a/own/small'] == -1


def test_padding_samples_are_left_out():
    metric = PerDomainMetric(Share())
    metric.process(None, [dict(domain='a', right=1), dict(domain='a', right=0)])
    metric.process(None, [dict(domain='b', right=1), dict(domain='a', right=0)])
    scores = metric.evaluate(3)
    assert scores['a/own/count'] == 2
    assert scores['b/own/count'] == 1


@pytest.mark.parametrize(
    ('sample', 'problem'),
    [
        (dict(img_path='a.png', right=1), "sample a.png has no 'domain'"),
        (dict(right=1, domain='mean'), "without img_path has domain='mean'"),
        (dict(img_path='a.png', right=1, domain=None), 'a.png has domain=None'),
    ],
)
def test_samples_without_a_domain(sample, problem):
    with pytest.raises(ValueError, match=f'{problem}.*mmtadp.SetDomain.*meta_keys'):
        PerDomainMetric(Share()).process(None, [dict(right=1, domain='a'), sample])


def test_metrics_that_cannot_be_split(tmp_path):
    class OwnWay(Share):
        def evaluate(self, size):
            return {}

    class OneForAll(Share):
        def process(self, data_batch, data_samples):
            self.results.append(1)

    with pytest.raises(ValueError, match='cannot split OwnWay'):
        PerDomainMetric(OwnWay())
    samples = [dict(domain='a', right=1)] * 2
    with pytest.raises(RuntimeError, match='OneForAll has 1 results for 2 samples'):
        PerDomainMetric(OneForAll()).process(None, samples)
    (tmp_path / 'boxes.json').write_text('{"images": [], "annotations": [], "categories": []}')
    with pytest.raises(ValueError, match="CocoMetric with an ann_file.*'instances'"):
        PerDomainMetric(CocoMetric(ann_file=str(tmp_path / 'boxes.json')))


def test_a_metric_that_only_writes_files(tmp_path):
    init_default_scope('mmseg')
    inner = dict(type='IoUMetric', format_only=True, output_dir=str(tmp_path))
    evaluator = Evaluator(dict(type='mmtadp.PerDomainMetric', metric=inner))
    evaluator.dataset_meta = dict(classes=CLASSES)
    evaluator.process([dict(sample, img_path='a.png') for sample in mask_samples()])
    assert evaluator.evaluate(3) == {}
    assert (tmp_path / 'a.png').is_file()


def test_depth_of_each_domain():
    init_default_scope('mmseg')
    evaluator = Evaluator(dict(type='mmtadp.PerDomainMetric', metric=dict(type='DepthMetric')))
    for domain, factor in (('day', 1.0), ('night', 2.0)):
        depth = torch.full((1, 4, 4), 3.0)
        sample = dict(
            domain=domain,
            pred_depth_map=dict(data=depth * factor),
            gt_depth_map=dict(data=depth),
        )
        evaluator.process([sample])
    scores = evaluator.evaluate(2)
    assert (scores['day/rmse'], scores['night/rmse'], scores['mean/rmse']) == (0, 3, 1.5)
    assert (scores['day/d1'], scores['night/d1'], scores['mean/d1']) == (1, 0, 0.5)
