"""Features against those of the published implementation, see ``tests/data/golden/README.md``."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor

from mmtadp.models import BasePrompt, TADPUNetBackbone
from mmtadp.models.backbones.unet_features import UNetFeatures
from mmtadp.models.diffusion import LatentEncoder
from mmtadp.registry import PROMPTS
from tests.utils.feature_summary import summarize
from tests.utils.seeded_weights import seed_weights, seeded_image, seeded_values

GOLDEN = Path(__file__).parents[2] / 'data' / 'golden'
# The features of these models go up to 3, so this is float32 rounding and little more.
FEATURES = dict(rtol=0, atol=1e-4)
# The latents go up to 5.5.
LATENTS = dict(rtol=0, atol=1e-4)
# A map of T tokens is 1 / T on average: 0.013 for 77.
MAPS = dict(rtol=0, atol=5e-6)

UNET = dict(
    block_out_channels=(32, 64, 96, 96),
    layers_per_block=2,
    attention_head_dim=8,  # the number of heads, in diffusers as in Stable Diffusion 1.x
    cross_attention_dim=48,
)
VAE = dict(
    block_out_channels=(32, 64, 64, 64),
    layers_per_block=2,
    down_block_types=('DownEncoderBlock2D',) * 4,
    up_block_types=('UpDecoderBlock2D',) * 4,
)
TEXT_ENCODER = dict(
    hidden_size=48, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4
)


class GoldenPrompt(BasePrompt):
    """The random prompts that the golden image run was conditioned on, one per image."""

    num_tokens = 20

    def __init__(self, model) -> None:
        super().__init__(dim=48)

    def embed(self, samples, batch_size: int) -> Tensor:
        return torch.from_numpy(seeded_values('class_embeds', (batch_size, self.num_tokens, 48)))


@pytest.fixture
def golden_prompt():
    PROMPTS.register_module(module=GoldenPrompt)
    yield dict(type='GoldenPrompt')
    PROMPTS.module_dict.pop('GoldenPrompt')


@pytest.fixture
def architecture(tmp_path) -> str:
    """Folder with the configs of the tiny models in the shape of Stable Diffusion 1.x."""
    configs = dict(
        unet=UNet2DConditionModel(**UNET).config,
        vae=AutoencoderKL(**VAE).config,
        text_encoder=TEXT_ENCODER,
    )
    for name, config in configs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / 'config.json').write_text(json.dumps(dict(config)))
    return str(tmp_path)


def assert_features(features: list[Tensor], golden: np.lib.npyio.NpzFile) -> None:
    assert len(features) == 4
    for i, feature in enumerate(features):
        for name, value in summarize(feature).items():
            np.testing.assert_allclose(
                value, golden[f'{i}/{name}'], **FEATURES, err_msg=f'{name} of map {i}'
            )


def assert_maps(features: list[Tensor], golden: np.lib.npyio.NpzFile, num_tokens: int) -> None:
    for i in (1, 2):
        maps = features[i][:, -num_tokens:].detach().numpy()
        np.testing.assert_allclose(maps[:, golden['tokens']], golden[f'{i}/maps'], **MAPS)
        np.testing.assert_allclose(maps.sum(1), 1, **MAPS)
        # Far from uniform, or the golden values would not tell the layers apart.
        assert maps.max() > 3 / num_tokens


def test_seeded_weights_are_those_of_the_golden_runs():
    unet = seed_weights(UNet2DConditionModel(**UNET), 'unet.')
    golden = [
        [-0.06465004, 0.03661237, 0.10348485],
        [0.06348092, -0.06713156, -0.10895503],
        [0.02872850, 0.04569116, -0.04011577],
    ]
    np.testing.assert_allclose(unet.conv_in.weight[0, 0].detach(), golden, atol=1e-7)


@pytest.mark.parametrize(
    ('use_attn', 'golden'), [(True, 'unet_with_maps.npz'), (False, 'unet_without_maps.npz')]
)
@torch.no_grad()
def test_unet_features(use_attn, golden):
    features = UNetFeatures(UNet2DConditionModel(**UNET).eval(), use_attn)
    seed_weights(features.unet, 'unet.')
    latents = torch.from_numpy(seeded_values('latents', (2, 4, 32, 32)))
    prompt = torch.from_numpy(seeded_values('prompt_embeds', (2, 77, 48)))

    outputs = features(latents, 1, prompt)

    golden = np.load(GOLDEN / golden)
    assert_features(outputs, golden)
    if use_attn:
        assert_maps(outputs, golden, num_tokens=77)


@torch.no_grad()
def test_latents():
    encoder = LatentEncoder(AutoencoderKL(**VAE))
    seed_weights(encoder, 'vae.')

    latents = encoder(seeded_image(2, 256))

    golden = np.load(GOLDEN / 'image_with_maps.npz')['latents']
    np.testing.assert_allclose(latents[:, :, ::2, ::2], golden, **LATENTS)


@torch.no_grad()
def test_backbone_from_image_to_features(architecture, golden_prompt):
    backbone = TADPUNetBackbone(None, golden_prompt, architecture)
    seed_weights(backbone.unet, 'unet.')
    seed_weights(backbone.vae, 'vae.')

    outputs = backbone(seeded_image(2, 256))

    assert backbone.out_channels == (32, 84, 116, 96)
    golden = np.load(GOLDEN / 'image_with_maps.npz')
    assert_features(outputs, golden)
    assert_maps(outputs, golden, num_tokens=20)
