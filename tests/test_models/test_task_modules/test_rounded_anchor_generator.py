import pytest

pytest.importorskip('mmdet', reason='needs mmdet')

from mmdet.registry import TASK_UTILS  # noqa: E402

import mmtadp  # noqa: E402, F401

ANCHORS = dict(scales=[4], ratios=[0.5, 1.0, 2.0], strides=[8, 16, 32, 64])


def test_anchors_of_torchvision():
    generator = TASK_UTILS.build(dict(type='mmtadp.RoundedAnchorGenerator', **ANCHORS))
    # What AnchorGenerator(((32,), (64,), (128,), (256,)), ((0.5, 1.0, 2.0),) * 4) of torchvision
    # 0.15.2 has as cell anchors.
    assert [anchors.tolist() for anchors in generator.base_anchors] == [
        [[-23, -11, 23, 11], [-16, -16, 16, 16], [-11, -23, 11, 23]],
        [[-45, -23, 45, 23], [-32, -32, 32, 32], [-23, -45, 23, 45]],
        [[-91, -45, 91, 45], [-64, -64, 64, 64], [-45, -91, 45, 91]],
        [[-181, -91, 181, 91], [-128, -128, 128, 128], [-91, -181, 91, 181]],
    ]
    # Level by level, row by row, the anchors of a place next to each other.
    priors = generator.grid_priors([(2, 2)] * 4, device='cpu')[0]
    assert priors[3:5].tolist() == [[-15, -11, 31, 11], [-8, -16, 24, 16]]
    assert priors[6:7].tolist() == [[-23, -3, 23, 19]]


def test_stock_anchors_differ_by_less_than_half_a_pixel():
    rounded = TASK_UTILS.build(dict(type='mmtadp.RoundedAnchorGenerator', **ANCHORS))
    stock = TASK_UTILS.build(dict(type='AnchorGenerator', **ANCHORS))
    gaps = [(a - b).abs().max() for a, b in zip(rounded.base_anchors, stock.base_anchors)]
    assert 0.25 < max(gaps) <= 0.5
