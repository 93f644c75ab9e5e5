"""TinySD's networks before training: Stable Diffusion 1.x's parts, in miniature."""

import os
from pathlib import Path

import diffusers
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from mmtadp.models.diffusion.denoising import NOISE_SCHEDULE
from mmtadp.utils.atomic_files import write_folder

from .clip_tokenizer import BOS, EOS, MAX_LENGTH
from .initial_autoencoder import LATENT_CHANNELS

_TEXT_WIDTH = 128
_UNET_CHANNELS = (48, 96, 96, 96)
_TOKEN_STD, _POSITION_STD = 1.0, 0.1


def build_unet() -> UNet2DConditionModel:
    """Build Stable Diffusion 1.x's U-Net, narrower and with one layer in each down block.

    The last layer of each residual branch is zero, as in latent diffusion's training code.
    diffusers, made for trained weights, leaves that initialisation out.
    """
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=_UNET_CHANNELS,
        down_block_types=('CrossAttnDownBlock2D',) * 3 + ('DownBlock2D',),
        up_block_types=('UpBlock2D',) + ('CrossAttnUpBlock2D',) * 3,
        layers_per_block=1,
        norm_num_groups=16,
        attention_head_dim=4,
        cross_attention_dim=_TEXT_WIDTH,
    )
    for module in unet.modules():
        if isinstance(module, ResnetBlock2D):
            nn.init.zeros_(module.conv2.weight)
        elif isinstance(module, Transformer2DModel):
            nn.init.zeros_(module.proj_out.weight)
    return unet


def build_text_encoder(vocab: dict) -> CLIPTextModel:
    """Build a CLIP text model with large initial token embeddings.

    With the usual initialisation, token embeddings are so small that the random layers drown
    them: the encodings of two words at one position have a cosine similarity of 0.93. Here token
    embeddings start with a standard deviation of 1, positions with 0.1, and the similarity is
    0.25.

    Args:
        vocab (dict): Token to id, as :func:`.build_vocabulary` returns it.
    """
    model = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(vocab),
            hidden_size=_TEXT_WIDTH,
            intermediate_size=2 * _TEXT_WIDTH,
            projection_dim=_TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=MAX_LENGTH,
            hidden_act='quick_gelu',
            bos_token_id=vocab[BOS],
            eos_token_id=vocab[EOS],
            pad_token_id=vocab[EOS],
        )
    )
    for name, parameter in model.named_parameters():
        if 'token_embedding' in name:
            nn.init.normal_(parameter, std=_TOKEN_STD)
        elif 'position_embedding' in name:
            nn.init.normal_(parameter, std=_POSITION_STD)
    return model


def build_scheduler() -> DDIMScheduler:
    """Build Stable Diffusion 1.x's noise schedule."""
    return DDIMScheduler(
        **NOISE_SCHEDULE, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )


def write_untrained_unet(folder: str | os.PathLike, seed: int = 0) -> None:
    """Write an untrained U-Net as a diffusers folder, or keep the folder that exists.

    The claim "pretrained against from scratch" trains from it.

    Args:
        folder (str | PathLike): Destination, such as ``data/shapescenes/untrained/unet``. It
            appears whole or not at all.
        seed (int): Seed of the weights.
    """
    folder = Path(folder)
    if folder.exists():
        return
    # Modules draw their weights from torch's global generator: keep the caller's state.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = build_unet()
    write_folder(folder, unet.save_pretrained)


def pipeline_index(name: str) -> dict:
    """Return the content of a diffusers folder's ``model_index.json``."""
    return {
        '_class_name': 'StableDiffusionPipeline',
        '_diffusers_version': diffusers.__version__,
        '_name_or_path': name,
        'feature_extractor': [None, None],
        'requires_safety_checker': False,
        'safety_checker': [None, None],
        'scheduler': ['diffusers', 'DDIMScheduler'],
        'text_encoder': ['transformers', 'CLIPTextModel'],
        'tokenizer': ['transformers', 'CLIPTokenizer'],
        'unet': ['diffusers', 'UNet2DConditionModel'],
        'vae': ['diffusers', 'AutoencoderKL'],
    }
