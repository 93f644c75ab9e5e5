"""Configs of the project at the sizes of the published implementation's golden runs."""

import json
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, UNet2DConditionModel
from mmengine.config import Config

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'tadp'
CAPTIONS = ['a dog on a sofa next to a window', 'two birds over a green boat']

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
    vocab_size=49408,
    hidden_size=48,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    hidden_act='quick_gelu',
    eos_token_id=49407,
)


def write_architecture(folder: Path) -> Path:
    """Writes the configs of the golden runs' diffusion model."""
    configs = dict(
        unet=UNet2DConditionModel(**UNET).config,
        vae=AutoencoderKL(**VAE).config,
        text_encoder=TEXT_ENCODER,
    )
    for name, config in configs.items():
        (folder / name).mkdir(parents=True)
        (folder / name / 'config.json').write_text(json.dumps(dict(config)))
    return folder


def _fpn(tokens: int) -> dict[str, Any]:
    return {
        'model.neck.in_channels': [32, 64 + tokens, 96 + tokens, 96],
        'model.test_cfg.mode': 'whole',
        'model.data_preprocessor.size': None,
        'model.data_preprocessor.size_divisor': 1,
    }


def _fpn_head(tokens: int) -> dict[str, Any]:
    return {
        **_fpn(tokens),
        'model.neck.out_channels': 32,
        'model.decode_head.in_channels': [32] * 4,
        'model.decode_head.channels': 16,
        'model.decode_head.num_classes': 5,
        'model.decode_head.norm_cfg.type': 'BN',
    }


_DEPTH = {'model.decode_head.in_channels': [32, 64, 96, 96]}
_NAMES = 'model.backbone.prompt.class_names'

# Name of a golden run to a config of the project, and what makes it as small.
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    'ade20k_captions': ('tadp40_ade20k_80k.py', _fpn_head(77)),
    'ade20k_class_embeddings': (
        'vpd_ade20k_80k.py',
        {**_fpn_head(5), _NAMES: ['wall', 'sky', 'cat', 'dog', 'car']},
    ),
    'nyu_captions': ('tadp40_nyu_25e.py', _DEPTH),
    'nyu_class_embeddings': ('vpd_nyu_25e.py', {**_DEPTH, _NAMES: list('abcdef')}),
    'voc2012_captions': ('tadp40_voc2012_15e.py', _fpn(77)),
    'voc2watercolor': (
        'tadp_null_modifier_voc2watercolor_100e.py',
        {'model.neck.in_channels': [32, 64 + 77, 96 + 77, 96]},
    ),
}


def small_options(name: str, architecture: Path) -> dict[str, Any]:
    """Overrides by dotted key for the config of a golden run."""
    return {
        **RUNS[name][1],
        'model.backbone.pretrained': None,
        'model.backbone.architecture': str(architecture),
    }


def small_config(name: str, architecture: Path) -> Config:
    """The config of a golden run at its size."""
    config = Config.fromfile(CONFIGS / RUNS[name][0])
    config.merge_from_dict(small_options(name, architecture))
    return config
