"""Necks and heads that take other channels than the backbone returns are refused at build time."""

import copy

import pytest
import torch
from mmdet.models.dense_heads import CenterNetHead
from mmdet.models.necks import FPN, ChannelMapper, CTResNetNeck, DilatedEncoder, YOLOV3Neck
from mmengine.config import Config
from mmengine.registry import MODELS
from mmseg.models.necks import MultiLevelNeck
from torch import nn

from mmtadp.apis import init_model
from mmtadp.engine.hooks import install_prompt_hooks
from mmtadp.models import find_backbones
from mmtadp.models.checks import check_channels
from mmtadp.utils.launch import build_runner
from tests.utils.tiny_model import OUT_CHANNELS
from tests.utils.tiny_runs import tiny_config

WRONG = [32, 109, 109, 64]
# What the model takes, what the backbone gives, and why.
NUMBERS = (
    r'FPN has in_channels=\[32, 109, 109, 64\].* gives \[32, 109, 141, 64\] at strides '
    r'\[8, 16, 32, 64\] \(77 attention maps of CaptionPrompt .* strides 16 and 32\).*'
    r'in_channels=\[32, 109, 141, 64\]'
)


def segmentor(pipeline, in_channels) -> dict:
    return dict(
        type='mmseg.EncoderDecoder',
        backbone=dict(type='mmtadp.TADPUNetBackbone', pretrained=str(pipeline)),
        neck=dict(type='mmseg.FPN', in_channels=in_channels, out_channels=8, num_outs=4),
        decode_head=dict(
            type='mmseg.FPNHead',
            in_channels=[8] * 4,
            in_index=[0, 1, 2, 3],
            feature_strides=[4, 8, 16, 32],
            channels=8,
            num_classes=2,
        ),
    )


def without_neck(pipeline, head) -> dict:
    model = dict(segmentor(pipeline, None), decode_head=head)
    del model['neck']
    return model


def fcn(in_channels, in_index, transform=None) -> dict:
    return dict(
        type='mmseg.FCNHead',
        in_channels=in_channels,
        in_index=in_index,
        input_transform=transform,
        num_convs=1,
        channels=8,
        num_classes=2,
    )


VPD = dict(type='mmseg.VPDDepthHead', embed_dim=8, feature_dim=16, num_deconv_filters=(8, 8, 8))


class TestBuildTime:
    @pytest.mark.parametrize('skip_pretrained', [False, True])
    def test_runner(self, tiny_pipeline, tiny_images, tmp_path, skip_pretrained):
        config = tiny_config(tiny_pipeline, tiny_images, tmp_path, model__neck__in_channels=WRONG)
        config.experiment_name = config.visualizer.name = str(tmp_path)
        # Nothing is read before the check.
        config.train_dataloader.dataset.data_root = str(tmp_path / 'missing')
        with pytest.raises(ValueError, match=NUMBERS):
            build_runner(config, skip_pretrained=skip_pretrained)

    @pytest.mark.parametrize('checkpoint', [None, 'other.pth'])
    def test_init_model(self, tiny_pipeline, tiny_images, tmp_path, checkpoint):
        config = tiny_config(tiny_pipeline, tiny_images, tmp_path, model__neck__in_channels=WRONG)
        if checkpoint is not None:
            checkpoint = tmp_path / checkpoint
            torch.save(dict(state_dict={'neck.weight': torch.zeros(1)}), checkpoint)
        with pytest.raises(ValueError, match=NUMBERS):
            init_model(config, checkpoint)


class TestNecks:
    def test_segmentor(self, tiny_pipeline):
        check_channels(MODELS.build(segmentor(tiny_pipeline, OUT_CHANNELS)))
        with pytest.raises(ValueError, match=NUMBERS):
            install_prompt_hooks(MODELS.build(segmentor(tiny_pipeline, WRONG)))

    def test_inside_test_time_augmentation(self, tiny_pipeline):
        model = dict(type='mmseg.SegTTAModel', module=segmentor(tiny_pipeline, WRONG))
        with pytest.raises(ValueError, match=NUMBERS):
            install_prompt_hooks(MODELS.build(model))

    def test_detector(self, tiny_pipeline, tmp_path):
        (tmp_path / 'config.py').write_text(
            "_base_ = 'mmdet::_base_/models/retinanet_r50_fpn.py'\n"
        )
        model = Config.fromfile(tmp_path / 'config.py').model
        model.backbone = dict(type='mmtadp.TADPUNetBackbone', pretrained=str(tiny_pipeline))
        with pytest.raises(ValueError, match=r'FPN has in_channels=\[256, 512, 1024, 2048\]'):
            check_channels(MODELS.build(model))


class TestHeadsWithoutNeck:
    @pytest.mark.parametrize(
        'head',
        [
            fcn(141, 2),
            fcn(64, -1),
            fcn([32, 109], [0, 1], 'resize_concat'),
            dict(VPD, in_channels=OUT_CHANNELS),
        ],
        ids=lambda head: f'{head["type"]}-{head.get("in_index")}',
    )
    def test_that_fit(self, tiny_pipeline, head):
        check_channels(MODELS.build(without_neck(tiny_pipeline, head)))  # does not raise

    @pytest.mark.parametrize(
        'head, message',
        [
            (fcn(64, 2), r'FCNHead has in_channels=\[64\].* gives \[141\] at strides \[32\]'),
            (fcn([32, 64], [0, 1], 'resize_concat'), r'\[96\].* gives \[32, 109\]'),
            (fcn(64, 4), r'in_index=\[4\].* 4 maps.* 0 to 3'),
            (
                dict(VPD, in_channels=[32, 32, 64, 64]),
                r'VPD.* gives \[32, 109, 141, 64\]',
            ),
        ],
    )
    def test_that_do_not(self, tiny_pipeline, head, message):
        with pytest.raises(ValueError, match=message):
            check_channels(MODELS.build(without_neck(tiny_pipeline, head)))

    def test_auxiliary_heads(self, tiny_pipeline):
        model = without_neck(tiny_pipeline, fcn(141, 2))
        model['auxiliary_head'] = [fcn(141, 2), fcn(109, 2)]
        with pytest.raises(ValueError, match=r'in_channels=\[109\].* gives \[141\]'):
            check_channels(MODELS.build(model))


class TestPartsOfOtherShapes:
    """Integers, reversed lists, sums: whatever the first forward would accept."""

    def model(self, pipeline, **parts) -> nn.Module:
        model = nn.Module()
        model.backbone = MODELS.build(
            dict(
                type='mmtadp.TADPUNetBackbone',
                pretrained=str(pipeline),
                prompt=dict(type='NullTextPrompt'),
            )
        )
        for name, part in parts.items():
            setattr(model, name, part)
        return model

    @pytest.mark.parametrize(
        'neck',
        [
            lambda: DilatedEncoder(64, 32, 16, 1, [2]),
            lambda: CTResNetNeck(64, (20, 24), (4, 4), use_dcn=False),
            lambda: CTResNetNeck(64, (20, 24), (4, 4)),
            lambda: YOLOV3Neck(4, OUT_CHANNELS[::-1], [64, 32, 16, 8]),
            lambda: FPN(OUT_CHANNELS, 8, 4, start_level=1),
            lambda: ChannelMapper(OUT_CHANNELS, 8),
            lambda: MultiLevelNeck(OUT_CHANNELS, 8),
            nn.Identity,
        ],
    )
    def test_necks_that_fit(self, tiny_pipeline, neck):
        model = self.model(tiny_pipeline, neck=neck())
        before = copy.deepcopy(model.neck.state_dict())
        check_channels(model)
        after = model.neck.state_dict()
        assert all(torch.equal(before[key], after[key]) for key in before)

    @pytest.mark.parametrize(
        'neck, message',
        [
            (
                lambda: DilatedEncoder(512, 32, 16, 1, [2]),
                r'DilatedEncoder has in_channels=\[512\].* \[32, 109, 141, 64\].*one of them',
            ),
            (lambda: CTResNetNeck(512, (32, 16), (4, 4), use_dcn=False), r'\[32, 109, 141, 64\]'),
            (lambda: YOLOV3Neck(4, OUT_CHANNELS, [64, 32, 16, 8]), r'\[32, 109, 141, 64\]'),
            (lambda: YOLOV3Neck(3, [64, 141, 109], [64, 32, 16]), r'\[64, 141, 109\]'),
            (lambda: FPN([32, 109, 141], 8, 3), r'in_channels=\[32, 109, 141\]'),
            (lambda: FPN(OUT_CHANNELS[::-1], 8, 4), r'Set in_channels=\[32, 109, 141, 64\]'),
        ],
    )
    def test_necks_that_do_not(self, tiny_pipeline, neck, message):
        with pytest.raises(ValueError, match=message):
            check_channels(self.model(tiny_pipeline, neck=neck()))

    def test_heads_of_detectors(self, tiny_pipeline):
        def head(channels: int) -> nn.Module:
            return CenterNetHead(channels, 8, 2)

        check_channels(self.model(tiny_pipeline, neck=DilatedEncoder(64, 8, 8, 1, [2])))
        with pytest.raises(ValueError, match=r'CenterNetHead.* \[32, 109, 141, 64\]'):
            check_channels(self.model(tiny_pipeline, bbox_head=head(64)))

    def test_parts_that_cannot_be_tried_are_left_alone(self, tiny_pipeline):
        class Odd(nn.Module):
            in_channels = 7

            def forward(self, inputs, masks):
                raise NotImplementedError

        check_channels(self.model(tiny_pipeline, neck=Odd()))

    def test_depth_head_without_maps(self, tiny_pipeline):
        head = dict(VPD, in_channels=[320, 640, 1280, 1280])
        model = without_neck(tiny_pipeline, head)
        model['type'] = 'mmseg.DepthEstimator'
        model['backbone'].update(use_attn=False, prompt=dict(type='NullTextPrompt'))
        with pytest.raises(ValueError) as error:
            check_channels(MODELS.build(model))
        assert str(error.value) == (
            'VPDDepthHead has in_channels=[320, 640, 1280, 1280], but the backbone gives [32, 32, '
            '64, 64] at strides [8, 16, 32, 64] (features alone, use_attn=False). Set '
            'in_channels=[32, 32, 64, 64].'
        )


def test_backbones_are_found_by_name(tiny_pipeline):
    model = MODELS.build(segmentor(tiny_pipeline, OUT_CHANNELS))
    assert find_backbones(model) == dict(backbone=model.backbone)
