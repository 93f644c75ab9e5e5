import dataclasses

import pytest
from diffusers import AutoencoderKL, UNet2DConditionModel

from tests.utils.seeded_weights import seed_weights
from tests.utils.tiny_model import WIDTH, save_pipeline, tiny_diffusion_model

UNET = dict(
    block_out_channels=(8, 8, 16),
    down_block_types=('DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'),
    up_block_types=('CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'),
    layers_per_block=1,
    attention_head_dim=2,
    cross_attention_dim=WIDTH,
    norm_num_groups=4,
)
VAE = dict(
    block_out_channels=(4, 4, 4),
    down_block_types=('DownEncoderBlock2D',) * 3,
    up_block_types=('UpDecoderBlock2D',) * 3,
    norm_num_groups=2,
)


@pytest.fixture(scope='session')
def minimal_pipeline(tmp_path_factory):
    """Return a diffusers folder of three levels with one layer each, for many forwards."""
    model = dataclasses.replace(
        tiny_diffusion_model(),
        unet=seed_weights(UNet2DConditionModel(**UNET), 'unet.'),
        vae=seed_weights(AutoencoderKL(**VAE), 'vae.'),
    )
    return save_pipeline(model, tmp_path_factory.mktemp('pipeline') / 'minimal')
