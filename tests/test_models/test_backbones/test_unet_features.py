"""Taps and maps of U-Nets that are not shaped like Stable Diffusion 1.x."""

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import nn

from mmtadp.models.backbones.recorders import Recording, RecordingAttnProcessor, current
from mmtadp.models.backbones.unet_features import UNetFeatures
from tests.utils.seeded_weights import seed_weights

COMMON = dict(norm_num_groups=8, cross_attention_dim=24)
CROSS_DOWN, CROSS_UP = 'CrossAttnDownBlock2D', 'CrossAttnUpBlock2D'
ARCHITECTURES = {
    # Heads of equal width, linear projections and scores in float32, as in Stable Diffusion 2.x.
    'sd2': (
        dict(
            block_out_channels=(16, 32, 48, 48),
            attention_head_dim=(2, 4, 6, 6),
            use_linear_projection=True,
            upcast_attention=True,
        ),
        (16, 32 + 7, 48 + 7, 48),
        (1, 2),
    ),
    # Three levels, none of them without attention.
    'three levels': (
        dict(
            block_out_channels=(16, 32, 48),
            attention_head_dim=2,
            layers_per_block=1,
            down_block_types=('DownBlock2D', CROSS_DOWN, CROSS_DOWN),
            up_block_types=(CROSS_UP, CROSS_UP, 'UpBlock2D'),
        ),
        (16, 32 + 7, 48 + 7),
        (1, 2),
    ),
    # Attention at the lowest level only: no maps at the levels that are used.
    'no maps': (
        dict(
            block_out_channels=(16, 32, 48, 48),
            attention_head_dim=2,
            down_block_types=('DownBlock2D', 'DownBlock2D', 'DownBlock2D', CROSS_DOWN),
            up_block_types=(CROSS_UP, 'UpBlock2D', 'UpBlock2D', 'UpBlock2D'),
        ),
        (16, 32, 48, 48),
        (),
    ),
}


@pytest.mark.parametrize('name', ARCHITECTURES)
def test_channels_and_levels_are_read_from_the_model(name):
    config, channels, levels = ARCHITECTURES[name]
    features = UNetFeatures(seed_weights(UNet2DConditionModel(**config, **COMMON)))
    assert features.map_levels == levels
    outputs = features(torch.randn(2, 4, 16, 24), 1, torch.randn(2, 7, 24))
    assert tuple(output.shape[1] for output in outputs) == channels
    for level, output in enumerate(outputs):
        assert output.shape[2:] == (16 >> level, 24 >> level)
        if level in levels:
            torch.testing.assert_close(output[:, -7:].sum(dim=1), torch.ones(2, *output.shape[2:]))


def test_other_models_are_refused():
    with pytest.raises(ValueError, match='must be a diffusers UNet2DConditionModel.*got Linear'):
        UNetFeatures(nn.Linear(1, 1))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_upcast_attention_under_autocast(dtype):
    """Scores beyond float16, as Stable Diffusion 2.1 has them."""
    attention = Attention(8, cross_attention_dim=8, heads=1, dim_head=8, upcast_attention=True)
    attention.set_processor(RecordingAttnProcessor(1))
    with torch.no_grad():
        for layer in (attention.to_q, attention.to_k):
            layer.weight.copy_(200 * torch.eye(8))
    current.recording = Recording(attn_grad=False)
    try:
        with torch.no_grad(), torch.autocast('cpu', dtype):
            output = attention(torch.ones(1, 1, 8), torch.ones(1, 4, 8))
        ((probabilities,),) = current.recording.probabilities.values()
    finally:
        current.recording = None
    assert output.isfinite().all()
    torch.testing.assert_close(probabilities.float(), torch.full((1, 1, 4), 0.25))
