"""Depth figures over images of which one has no valid depth."""

import logging
import math

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from mmtadp.utils.errors import RunError

pytest.importorskip('mmseg')


def samples(*depths: float, factor: float = 1.0, domain: str = 'day') -> list[dict]:
    """Flat depth maps, and predictions that are ``factor`` times as deep."""
    return [
        dict(
            img_path=f'images/{index}.jpg',
            domain=domain,
            gt_depth_map=dict(data=torch.full((1, 4, 4), depth)),
            pred_depth_map=dict(data=torch.full((1, 4, 4), factor * depth + (depth == 0))),
        )
        for index, depth in enumerate(depths)
    ]


def evaluate(metric: dict, *batches: list[dict]) -> dict:
    init_default_scope('mmseg')
    evaluator = Evaluator(metric)
    for batch in batches:
        evaluator.process(batch)
    return evaluator.evaluate(sum(map(len, batches)))


@pytest.fixture
def log(caplog):
    """The log, of which mmengine's logger is not a part by itself."""
    logger = MMLogger.get_instance('depth')
    logger.addHandler(caplog.handler)
    with caplog.at_level(logging.WARNING):
        yield caplog


def test_an_image_without_valid_depth_is_left_out_and_named(log):
    ours = evaluate(dict(type='mmtadp.ValidDepthMetric'), samples(2.0, 0.0, 4.0, factor=1.5))
    stock = evaluate(dict(type='DepthMetric'), samples(2.0, 4.0, factor=1.5))
    assert ours == stock
    assert ours['rmse'] == pytest.approx(1.5)
    assert math.isnan(evaluate(dict(type='DepthMetric'), samples(2.0, 0.0))['rmse'])
    assert '1 of 3 images have no depth between 0 and inf and are not scored' in log.text
    assert 'images/1.jpg' in log.text


def test_arguments_are_those_of_the_stock_metric(tmp_path):
    metric = dict(
        type='mmtadp.ValidDepthMetric', max_depth_eval=3.0, output_dir=str(tmp_path), prefix='nyu'
    )
    scores = evaluate(metric, samples(2.0, 8.0, factor=2.0))
    assert scores['nyu/rmse'] == 2  # of the first image alone
    assert sorted(path.name for path in tmp_path.iterdir()) == ['0.png', '1.png']
    with pytest.raises(AssertionError, match='crop_type'):
        evaluate(dict(type='mmtadp.ValidDepthMetric', crop_type='kitti'))


def test_no_valid_depth_at_all():
    with pytest.raises(RunError, match=r'2 of 2 images have no depth.*images/0\.jpg.*max_depth'):
        evaluate(dict(type='mmtadp.ValidDepthMetric', max_depth_eval=1.0), samples(2.0, 3.0))


def test_of_several_domains():
    metric = dict(type='mmtadp.PerDomainMetric', metric=dict(type='mmtadp.ValidDepthMetric'))
    scores = evaluate(metric, samples(2.0, 0.0), samples(2.0, 0.0, factor=2.0, domain='night'))
    assert (scores['day/rmse'], scores['night/rmse'], scores['mean/rmse']) == (0, 2, 1)
