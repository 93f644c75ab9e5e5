from pathlib import Path

import torch

from mmtadp.converters import TensorTracker
from mmtadp.converters.published.heads import smp_fpn_head, torchvision_head
from mmtadp.utils.tensor_files import WeightsFile


def test_torchvision_before_0_12_has_other_names():
    old = {
        'fpn.inner_blocks.1.weight': torch.ones(2, 3, 1, 1),
        'fpn.layer_blocks.1.bias': torch.ones(2),
        'decode_head.rpn.head.conv.weight': torch.ones(2, 2, 3, 3),
    }
    tracker = TensorTracker(WeightsFile(Path('x.pth'), old), '')
    ours = ('neck.lateral_convs.1.conv.weight', 'neck.fpn_convs.1.conv.bias')
    state = torchvision_head(tracker, dict.fromkeys((*ours, 'rpn_head.rpn_conv.weight')))
    assert [state[key] is value for key, value in zip(state, old.values())] == [True] * 3
    assert tracker.close().num_taken == 3


def test_background_moves_to_the_end_and_loses_its_boxes():
    predictor = 'decode_head.roi_heads.box_predictor'
    tensors = {
        f'{predictor}.cls_score.bias': torch.arange(3.0),
        f'{predictor}.bbox_pred.bias': torch.arange(12.0),
    }
    tracker = TensorTracker(WeightsFile(Path('x.pth'), tensors), '')
    head = 'roi_head.bbox_head'
    state = torchvision_head(
        tracker, dict.fromkeys((f'{head}.fc_cls.bias', f'{head}.fc_reg.bias'))
    )
    assert state[f'{head}.fc_cls.bias'].tolist() == [1, 2, 0]
    assert state[f'{head}.fc_reg.bias'].tolist() == list(range(4, 12))


def test_kernels_that_smp_lacks_change_nothing():
    tracker = TensorTracker(WeightsFile(Path('x.pth'), {}), '')
    own = {'neck.fpn_convs.0.conv.weight': torch.empty(3, 3, 3, 3, device='meta')}
    kernel = smp_fpn_head(tracker, own)['neck.fpn_convs.0.conv.weight']
    image = torch.rand(1, 3, 5, 7)
    assert torch.equal(torch.nn.functional.conv2d(image, kernel, padding=1), image)
