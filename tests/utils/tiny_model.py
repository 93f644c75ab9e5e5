"""Diffusion pipelines and configs small enough to train in a test."""

from pathlib import Path

from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from mmtadp.models.diffusion import DiffusionModel, TextEncoder, clip_tokenizer

from .seeded_weights import seed_weights

WIDTH = 32
# Four levels of 2 layers with cross-attention at the first three, as in Stable Diffusion 1.x.
UNET = dict(
    block_out_channels=(32, 32, 64, 64),
    layers_per_block=2,
    attention_head_dim=4,
    cross_attention_dim=WIDTH,
    norm_num_groups=16,
)
VAE = dict(
    block_out_channels=(16, 16, 16, 16),
    down_block_types=('DownEncoderBlock2D',) * 4,
    up_block_types=('UpDecoderBlock2D',) * 4,
    norm_num_groups=8,
)
TEXT_ENCODER = dict(
    vocab_size=49408,
    hidden_size=WIDTH,
    intermediate_size=2 * WIDTH,
    num_hidden_layers=2,
    num_attention_heads=4,
    hidden_act='quick_gelu',
    eos_token_id=49407,
)
# At strides 8 to 64; 77 of them are attention maps at strides 16 and 32.
OUT_CHANNELS = [32, 32 + 77, 64 + 77, 64]


def tiny_diffusion_model() -> DiffusionModel:
    """Return a model with seeded weights and CLIP's own tokenizer."""
    unet = UNet2DConditionModel(**UNET)
    vae = AutoencoderKL(**VAE)
    text_model = CLIPTextModel(CLIPTextConfig(**TEXT_ENCODER))
    for prefix, module in (('unet.', unet), ('vae.', vae), ('text.', text_model)):
        seed_weights(module, prefix)
    return DiffusionModel(unet, vae, text_model, clip_tokenizer(), skip_pretrained=False)


def count_encoded(encoder: TextEncoder) -> list[int]:
    """Return a list that grows with each run of the text model, by the number of its texts."""
    counts = []
    encoder.model.register_forward_pre_hook(
        lambda module, args, kwargs: counts.append(len(kwargs['input_ids'])), with_kwargs=True
    )
    return counts


def save_pipeline(model: DiffusionModel, folder: Path) -> Path:
    """Write a model as a diffusers folder."""
    StableDiffusionPipeline(
        vae=model.vae,
        text_encoder=model.text_model,
        tokenizer=model.tokenizer,
        unet=model.unet,
        scheduler=DDIMScheduler(clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder
