"""Convert heads of the published code to stock heads of mmseg and mmdet.

A converter takes tensors from the tracker and returns them under the keys of our model. Next to it
are the settings of ``model`` with which the stock head computes the same.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ..tensor_tracker import TensorTracker

# Takes the tracker, and the keys and shapes of the model's heads.
HeadConverter = Callable[[TensorTracker, dict[str, Tensor]], dict[str, Tensor | None]]
# Takes the tracker.
HeadSettings = Callable[[TensorTracker], dict[str, Any]]


def no_settings(tracker: TensorTracker) -> dict[str, Any]:
    """Return no settings, for heads that this project's configs define as published."""
    return {}


def mmseg_head(tracker: TensorTracker, own: dict[str, Tensor]) -> dict[str, Tensor | None]:
    """Convert FPN and FPNHead of mmseg 0.x, which have the same names in mmseg 1.x."""
    return {key: tracker.take(key, key.split('.')[0], key) for key in own}


# VPD's depth head to mmseg's VPDDepthHead.
_DEPTH = {
    'conv1.': 'encoder.layer1.',
    'conv2.': 'encoder.layer2.0.',
    'conv_aggregation.': 'encoder.out_layer.',
    'decoder.': 'decoder.',
    'depth_pred_layer.': 'last_layer_depth.',
}


def vpd_depth_head(tracker: TensorTracker, own: dict[str, Tensor]) -> dict[str, Tensor | None]:
    """Convert VPD's depth head, of which mmseg's ``VPDDepthHead`` is a port."""
    state = {}
    for key in own:
        name = key.removeprefix('decode_head.')
        prefix = next(prefix for prefix in _DEPTH if name.startswith(prefix))
        source = _DEPTH[prefix] + name[len(prefix) :]
        state[key] = tracker.take(source, 'decode_head', key)
    return state


_SMP_LEVELS = 4
_SMP_LAYER = re.compile(r'decode_head\.scale_heads\.(\d)\.(\d)\.(conv|gn)\.(weight|bias)')


def smp_fpn_head(tracker: TensorTracker, own: dict[str, Tensor]) -> dict[str, Tensor | None]:
    """Convert the FPN decoder of segmentation_models_pytorch to mmseg's FPN and FPNHead.

    They differ only in the 3x3 convolutions of mmseg's FPN, which smp's FPN lacks: these get a
    kernel that returns its input.
    """
    state = {}
    decoder = 'decode_head.decoder'
    for key, tensor in own.items():
        parameter = key.split('.')[-1]
        if key.startswith('neck.fpn_convs.'):
            state[key] = (
                _identity_kernel(tensor) if parameter == 'weight' else torch.zeros(tensor.shape)
            )
            continue
        if key.startswith('neck.lateral_convs.'):
            source = _smp_lateral(int(key.split('.')[2]), parameter)
            state[key] = tracker.take(source, 'neck', key)
            continue
        layer = _SMP_LAYER.fullmatch(key)
        if layer:
            # smp begins with the lowest resolution. After each convolution mmseg upsamples.
            level, place = _SMP_LEVELS - 1 - int(layer[1]), int(layer[2]) // 2
            kind = dict(conv=0, gn=1)[layer[3]]
            source = f'{decoder}.seg_blocks.{level}.block.{place}.block.{kind}.{parameter}'
        else:
            source = key.replace('decode_head.conv_seg', 'decode_head.segmentation_head.0')
        state[key] = tracker.take(source, 'decode_head', key)
    return state


def _smp_lateral(level: int, parameter: str) -> str:
    # p2 is the highest resolution; the lowest has nothing to be added to.
    skip = '' if level == _SMP_LEVELS - 1 else '.skip_conv'
    return f'decode_head.decoder.p{level + 2}{skip}.{parameter}'


def smp_fpn_settings(tracker: TensorTracker) -> dict[str, Any]:
    """Return sizes as in the checkpoint, the rest as in smp and the published code."""
    first = tracker.tensors['decode_head.decoder.seg_blocks.0.block.0.block.0.weight']
    channels, pyramid = first.shape[:2]
    laterals = [tracker.tensors.get(_smp_lateral(level, 'weight')) for level in range(_SMP_LEVELS)]
    neck = dict(out_channels=pyramid)
    if all(lateral is not None for lateral in laterals):
        neck.update(in_channels=[lateral.shape[1] for lateral in laterals])
    return dict(
        neck=neck,
        decode_head=dict(
            in_channels=[pyramid] * _SMP_LEVELS,
            channels=channels,
            dropout_ratio=0.2,
            align_corners=True,
            norm_cfg=dict(_delete_=True, type='GN', num_groups=32, requires_grad=True),
        ),
    )


def _identity_kernel(like: Tensor) -> Tensor:
    kernel = torch.zeros(like.shape)
    index = torch.arange(like.shape[0])
    kernel[index, index, like.shape[2] // 2, like.shape[3] // 2] = 1
    return kernel


def torchvision_head(tracker: TensorTracker, own: dict[str, Tensor]) -> dict[str, Tensor | None]:
    """Convert FPN and Faster R-CNN of torchvision to those of mmdet.

    mmdet has the background last, torchvision first; and mmdet has no box deltas for it.
    """
    state = {}
    for key in own:
        part = key.split('.')[0]
        tensor = tracker.take(_torchvision_key(tracker, key), part, key)
        if tensor is not None and '.fc_cls.' in key:
            tensor = torch.cat([tensor[1:], tensor[:1]])
        elif tensor is not None and '.fc_reg.' in key:
            tensor = tensor[4:]
            tracker.report.notes.append(f"{key}: without the background's 4 rows, never used")
        state[key] = tensor
    return state


def torchvision_settings(tracker: TensorTracker) -> dict[str, Any]:
    """Return settings with rounded anchors, and regions that are not moved by half a pixel."""
    return dict(
        rpn_head=dict(anchor_generator=dict(type='mmtadp.RoundedAnchorGenerator')),
        roi_head=dict(bbox_roi_extractor=dict(roi_layer=dict(aligned=False))),
    )


# Ours to torchvision's, which has wrapped convolutions in one module more since 0.12.
_TORCHVISION = {
    r'neck\.lateral_convs\.(\d)\.conv': [r'fpn.inner_blocks.\1.0', r'fpn.inner_blocks.\1'],
    r'neck\.fpn_convs\.(\d)\.conv': [r'fpn.layer_blocks.\1.0', r'fpn.layer_blocks.\1'],
    r'rpn_head\.rpn_conv': ['decode_head.rpn.head.conv.0.0', 'decode_head.rpn.head.conv'],
    r'rpn_head\.rpn_cls': ['decode_head.rpn.head.cls_logits'],
    r'rpn_head\.rpn_reg': ['decode_head.rpn.head.bbox_pred'],
    r'roi_head\.bbox_head\.shared_fcs\.0': ['decode_head.roi_heads.box_head.fc6'],
    r'roi_head\.bbox_head\.shared_fcs\.1': ['decode_head.roi_heads.box_head.fc7'],
    r'roi_head\.bbox_head\.fc_cls': ['decode_head.roi_heads.box_predictor.cls_score'],
    r'roi_head\.bbox_head\.fc_reg': ['decode_head.roi_heads.box_predictor.bbox_pred'],
}


def _torchvision_key(tracker: TensorTracker, key: str) -> str:
    module, parameter = key.rsplit('.', 1)
    names: Iterable[str] = [key]
    for pattern, sources in _TORCHVISION.items():
        match = re.fullmatch(pattern, module)
        if match:
            names = [f'{match.expand(source)}.{parameter}' for source in sources]
    return _first_there(tracker, list(names))


def _first_there(tracker: TensorTracker, names: list[str]) -> str:
    return next((name for name in names if name in tracker), names[0])
