from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmtadp.converters import CheckpointError, TensorTracker
from mmtadp.converters.published import find_layout
from mmtadp.converters.published.overrides import model_overrides
from mmtadp.converters.published.settings import NORMALISATIONS, find_settings, literal_config
from mmtadp.utils.tensor_files import WeightsFile
from tests.utils.published import published_layout
from tests.utils.published_runs import CONFIGS

IMAGENET, HALF = NORMALISATIONS['imagenet'], NORMALISATIONS['half']


def tracker_of(keys, **shapes):
    tensors = {key: torch.zeros(shapes.get(key, 1)) for key in keys}
    return TensorTracker(WeightsFile(Path('published.pth'), tensors), '')


def settings_of(keys, meta=(), **kwargs):
    tracker = tracker_of(keys)
    return find_settings(find_layout(tracker), tracker, dict(meta), **kwargs)


@pytest.mark.parametrize(
    ('name', 'latent_scaling', 'normalisation'),
    [
        ('ade20k_captions', True, HALF),
        ('ade20k_class_embeddings', False, HALF),
        ('nyu_captions', True, HALF),
        ('nyu_class_embeddings', None, HALF),
        ('voc2012_captions', True, HALF),
        ('voc2watercolor', False, IMAGENET),
    ],
)
def test_what_the_layouts_show(name, latent_scaling, normalisation):
    settings = settings_of(published_layout(name))
    assert settings.latent_scaling is latent_scaling
    assert settings.normalisation == normalisation


def test_depth_model_of_vpd():
    """VPD's own keeps the parts of the diffusion model that it uses, and does not scale."""
    keys = [k for k in published_layout('nyu_class_embeddings') if '.sd_model.' not in k]
    assert settings_of(keys).latent_scaling is False


def test_cityscapes_by_its_classes():
    keys = list(published_layout('ade20k_captions'))
    tracker = tracker_of(keys, **{'decode_head.conv_seg.bias': 19})
    assert find_settings(find_layout(tracker), tracker, {}).normalisation == IMAGENET


def test_the_config_in_the_file_counts_more():
    text = """
img_norm_cfg = dict(
    mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], to_rgb=True)
model = dict(
    type='TADPSeg',
    opt_dict=dict(
        use_scaled_encode=True,
        use_text_adapter=True,
        text_conditioning='class_emb',
        blip_caption_path=None))
"""
    settings = settings_of(published_layout('ade20k_class_embeddings'), dict(config=text))
    assert settings.latent_scaling is True
    assert settings.normalisation == dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0])
    assert settings.published_arguments == dict(
        use_scaled_encode=True, use_text_adapter=True, text_conditioning='class_emb'
    )


def test_the_user_counts_most():
    settings = settings_of(
        published_layout('voc2watercolor'), latent_scaling=True, normalisation='half'
    )
    assert settings.latent_scaling is True and settings.normalisation == HALF
    assert settings.lines() == [
        'latent_scaling: True (as asked for)',
        'normalisation: mean [127.5, 127.5, 127.5] (as asked for)',
    ]


def test_configs_are_read_and_not_executed():
    text = "a = dict(b=[1, (2, 3)], c={'d': None})\ne = open('x', 'w')\nf = [a]\ng = dict(**a)"
    assert literal_config(text) == dict(a=dict(b=[1, [2, 3]], c={'d': None}))
    assert literal_config('not python :') == {}


class TestOverrides:
    def overrides(self, name, config, **kwargs):
        shapes = published_layout(name)
        tensors = {k: torch.zeros(v) for k, v in shapes.items() if isinstance(v, list) and v}
        tracker = TensorTracker(WeightsFile(Path('published.pth'), tensors), '')
        layout = find_layout(tracker)
        settings = find_settings(layout, tracker, {}, **kwargs)
        return model_overrides(layout, tracker, settings, Config.fromfile(CONFIGS / config).model)

    def test_a_config_that_says_it_already(self):
        assert self.overrides('ade20k_class_embeddings', 'vpd_ade20k_80k.py') == {}
        # The default, and written down all the same.
        assert self.overrides('ade20k_captions', 'tadp40_ade20k_80k.py') == dict(
            backbone=dict(latent_scaling=True)
        )

    def test_another_run(self):
        overrides = self.overrides('ade20k_class_embeddings', 'vpd_ls_ade20k_80k.py')
        assert overrides == dict(backbone=dict(latent_scaling=False))

    def test_depth_leaves_to_the_config_what_is_not_known(self):
        assert self.overrides('nyu_class_embeddings', 'vpd_nyu_25e.py') == {}
        assert self.overrides('nyu_class_embeddings', 'vpd_ls_nyu_25e.py') == {}

    def test_detection(self):
        overrides = self.overrides('voc2watercolor', 'tadp_null_modifier_voc2watercolor_100e.py')
        assert overrides == dict(
            data_preprocessor=IMAGENET,
            backbone=dict(latent_scaling=False),
            rpn_head=dict(anchor_generator=dict(type='mmtadp.RoundedAnchorGenerator')),
            roi_head=dict(bbox_roi_extractor=dict(roi_layer=dict(aligned=False))),
        )

    def test_head_of_smp(self):
        overrides = self.overrides('voc2012_captions', 'tadp40_voc2012_15e.py')
        assert overrides['decode_head'] == dict(
            channels=128,
            dropout_ratio=0.2,
            align_corners=True,
            norm_cfg=dict(_delete_=True, type='GN', num_groups=32, requires_grad=True),
        )


@pytest.mark.parametrize(
    ('key', 'message'),
    [
        ('backbone.unet.conv_in.weight', 'is a checkpoint of mmtadp already'),
        ('model.diffusion_model.out.0.bias', 'is Stable Diffusion .* compvis2diffusers.py'),
        ('backbone.layer1.0.conv1.weight', 'none of the published models: it has 1 tensors'),
    ],
)
def test_other_checkpoints(key, message):
    with pytest.raises(CheckpointError, match=message):
        find_layout(tracker_of([key]))
