"""Installations with mmseg or mmdet alone, and with an mmcv without operators."""

import os
import subprocess
import sys

import pytest

from mmtadp.utils.dependencies import installed_version
from tests.utils.tiny_model import OUT_CHANNELS

BLOCK = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {missing!r} or name.split('.')[0] in {missing!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)

sys.meta_path.insert(0, Missing())

import torch
import mmtadp
from mmengine.registry import DATASETS, MODELS, TASK_UTILS, init_default_scope
from mmtadp.models.diffusion import load_diffusion_model, no_pretrained_weights
from mmtadp.utils.dependencies import check_package, is_importable

def error_of(function, *args):
    try:
        function(*args)
    except (ImportError, ConnectionError) as error:
        return str(error)

def build(model):
    with no_pretrained_weights():
        placeholder = MODELS.build(model)
    model = MODELS.build(model)
    placeholder.load_state_dict(model.state_dict())
    return placeholder.eval()

backbone = dict(
    type='mmtadp.TADPUNetBackbone', pretrained={pipeline!r}, prompt=dict(type='NullTextPrompt')
)
image = torch.zeros(1, 3, 64, 64)
"""
SEGMENTOR = """
init_default_scope('mmseg')
model = build(dict(
    type='EncoderDecoder', data_preprocessor=dict(type='SegDataPreProcessor'), backbone=backbone,
    decode_head=dict(type='FCNHead', in_channels={channels[3]}, in_index=3, channels=8,
                     num_convs=1, num_classes=2),
    test_cfg=dict(mode='whole'),
))
assert model(image, mode='tensor').shape == (1, 2, 1, 1)
assert DATASETS.get('mmtadp.ACDCDataset').__name__ == 'ACDCDataset'
assert is_importable('mmseg') and not is_importable('mmdet')
assert 'Detection needs' in error_of(check_package, 'mmdet')
assert 'Detection needs' in error_of(TASK_UTILS.get, 'mmtadp.RoundedAnchorGenerator')
"""
DETECTOR = """
init_default_scope('mmdet')
model = build(dict(
    type='RetinaNet', data_preprocessor=dict(type='DetDataPreprocessor'), backbone=backbone,
    neck=dict(type='FPN', in_channels={channels!r}, out_channels=16, num_outs=4),
    bbox_head=dict(
        type='RetinaHead', num_classes=2, in_channels=16, stacked_convs=1, feat_channels=16,
        anchor_generator=dict(type='mmtadp.RoundedAnchorGenerator', octave_base_scale=4,
                              scales_per_octave=1, ratios=[1.0], strides=[8, 16, 32, 64]),
    ),
))
with torch.no_grad():
    scores, boxes = model(image, mode='tensor')
assert [tuple(s.shape) for s in scores] == [(1, 2, n, n) for n in (8, 4, 2, 1)]
assert is_importable('mmdet') and not is_importable('mmseg')
assert 'Segmentation and depth need' in error_of(check_package, 'mmseg')
# The default backbone is built without CLIP's vocabulary, until a caption is to be encoded.
with torch.device('meta'), no_pretrained_weights():
    model = load_diffusion_model('stable-diffusion-v1-5/stable-diffusion-v1-5')
message = error_of(model.tokenizer, ['a dog'])
assert 'Install mmsegmentation' in message and 'diffusers folder' in message
"""
COMPILE = "assert 'make setup OPS=1' in error_of(check_package, 'mmdet')"


@pytest.mark.slow
@pytest.mark.parametrize(
    'missing, script',
    [
        (['mmseg'], DETECTOR),
        (['mmdet'], SEGMENTOR),
        (['mmdet', 'mmcv._ext'], SEGMENTOR),
        (['mmcv._ext'], SEGMENTOR + COMPILE),
    ],
)
def test_works_without(missing, script, tiny_pipeline, tmp_path):
    if 'mmcv._ext' in missing and installed_version('mmsegmentation'):
        pytest.skip("OpenMMLab's own mmsegmentation imports mmcv.ops")
    code = (BLOCK + script).format(
        missing=missing, pipeline=str(tiny_pipeline), channels=OUT_CHANNELS
    )
    environment = {**os.environ, 'HF_HUB_OFFLINE': '1', 'HF_HOME': str(tmp_path)}
    answer = subprocess.run(
        [sys.executable, '-c', code], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
