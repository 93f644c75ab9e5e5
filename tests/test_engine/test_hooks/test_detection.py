"""The hook and the backbone in a stock detector of mmdet."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData

from mmtadp.engine.hooks import install_prompt_hooks
from mmtadp.models.checkpoint_meta import describe_model
from mmtadp.models.checkpoint_weights import fit_checkpoint
from mmtadp.utils.errors import RunError
from tests.utils.tiny_model import OUT_CHANNELS, count_encoded


def detector_config(tiny_pipeline, tmp_path) -> ConfigDict:
    """Return a Faster R-CNN of mmdet with the backbone."""
    (tmp_path / 'config.py').write_text("_base_ = 'mmdet::_base_/models/faster-rcnn_r50_fpn.py'\n")
    model = Config.fromfile(tmp_path / 'config.py').model
    model.backbone = dict(type='mmtadp.TADPUNetBackbone', pretrained=str(tiny_pipeline))
    model.neck.update(in_channels=OUT_CHANNELS, num_outs=4, out_channels=16)
    model.rpn_head.update(in_channels=16, feat_channels=16)
    model.rpn_head.anchor_generator.update(scales=[4], strides=[8, 16, 32, 64])
    extractor = model.roi_head.bbox_roi_extractor
    extractor.update(out_channels=16, featmap_strides=[8, 16, 32])
    model.roi_head.bbox_head.update(in_channels=16, fc_out_channels=32, num_classes=20)
    return model


@pytest.fixture
def detector(tiny_pipeline, tmp_path):
    with DefaultScope.overwrite_default_scope('mmdet'):
        return install_prompt_hooks(MODELS.build(detector_config(tiny_pipeline, tmp_path)))


def sample(caption: str) -> DetDataSample:
    shape = dict(img_shape=(96, 96), ori_shape=(96, 96), pad_shape=(96, 96), scale_factor=(1, 1))
    sample = DetDataSample(metainfo=dict(caption=caption, batch_input_shape=(96, 96), **shape))
    boxes = torch.tensor([[8.0, 8.0, 56.0, 72.0]])
    sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.tensor([7]))
    return sample


def test_captions_reach_a_faster_rcnn(detector):
    images = torch.rand(2, 3, 96, 96) * 2 - 1
    samples = [sample('a cat'), sample('a dog on a sofa')]
    encoded = count_encoded(detector.backbone.prompt.text_encoder)
    losses = detector(images, samples, mode='loss')
    assert {'loss_rpn_cls', 'loss_rpn_bbox', 'loss_cls', 'loss_bbox'} <= losses.keys()
    total = sum(sum(v) if isinstance(v, list) else v for k, v in losses.items() if 'loss' in k)
    total.backward()
    assert detector.backbone.unet.conv_in.weight.grad.abs().max() > 0
    assert sum(encoded) == 2
    detector.eval()
    with torch.no_grad():
        predictions = detector(images, samples, mode='predict')
    assert len(predictions) == 2
    assert sum(encoded) == 2
    with pytest.raises(RuntimeError, match='no prompts were set'):
        detector(images, mode='tensor')


def test_a_checkpoint_holds_the_whole_detector(detector):
    checkpoint = dict(state_dict=dict(detector.state_dict()), meta=dict())
    checkpoint['meta']['mmtadp'] = describe_model(detector)
    (description,) = checkpoint['meta']['mmtadp']
    assert description['normalisation']['mean'] == [123.675, 116.28, 103.53]
    fit_checkpoint(detector, checkpoint, 'it')
    del checkpoint['state_dict']['roi_head.bbox_head.fc_cls.weight']
    with pytest.raises(RunError, match='it lacks 1 of .*roi_head.bbox_head.fc_cls.weight'):
        fit_checkpoint(detector, checkpoint, 'it')
