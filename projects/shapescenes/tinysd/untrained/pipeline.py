"""A complete latent diffusion pipeline of about 5 M parameters, built from a seed.

It has the parts and the folder layout of Stable Diffusion 1.x, so whatever reads a diffusers
folder reads it, but nobody has trained it: the U-Net's weights are random. The two parts that
TADP keeps frozen are initialised so that they pass on what they are given, as trained ones do; see
:func:`build_text_encoder` and :mod:`.autoencoder`.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Union

import diffusers
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from .autoencoder import LATENT_CHANNELS, build_autoencoder
from .vocabulary import BOS, EOS, MAX_LENGTH, build_vocabulary, shapescenes_words, write_tokenizer

_TEXT_WIDTH = 128
_UNET_CHANNELS = (48, 96, 96, 96)
_TOKEN_STD, _POSITION_STD = 1.0, 0.1


def build_tiny_pipeline(folder: Union[str, os.PathLike], seed: int = 0) -> Path:
    """Write the pipeline as a diffusers folder, or keep the one that is there.

    Args:
        folder (str | PathLike): Where to. It appears whole or not at all.
        seed (int): Seed of the weights.

    Returns:
        Path: ``folder``, which holds ``model_index.json``, ``unet``, ``vae``, ``text_encoder``,
        ``tokenizer`` and ``scheduler``.

    Raises:
        FileExistsError: If ``folder`` holds anything but this pipeline of this seed.
    """
    folder = Path(folder)
    name = f'mmtadp tiny pipeline, untrained, seed {seed}'
    if folder.exists() and any(folder.iterdir()):
        _check_existing(folder, name)
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    vocab, merges = build_vocabulary(shapescenes_words())
    with tempfile.TemporaryDirectory(prefix=f'.{folder.name}-', dir=folder.parent) as temporary:
        new = Path(temporary) / folder.name
        write_tokenizer(new / 'tokenizer', vocab, merges)
        # Modules draw their weights from torch's global generator: leave the caller's as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            build_unet().save_pretrained(new / 'unet')
            build_autoencoder().save_pretrained(new / 'vae')
            build_text_encoder(vocab).save_pretrained(new / 'text_encoder')
        build_scheduler().save_pretrained(new / 'scheduler')
        (new / 'model_index.json').write_text(json.dumps(pipeline_index(name), indent=2) + '\n')
        # Replaces an empty folder, and nothing else.
        os.replace(new, folder)
    return folder


def _check_existing(folder: Path, name: str) -> None:
    index = folder / 'model_index.json'
    found = json.loads(index.read_text()).get('_name_or_path') if index.is_file() else None
    if found != name:
        raise FileExistsError(
            f'{folder} holds {found!r} where {name!r} was to be written; '
            'choose another folder, or delete this one'
        )


def pipeline_index(name: str) -> dict:
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


def build_unet() -> UNet2DConditionModel:
    """Stable Diffusion 1.x's blocks, with one layer each in the down blocks instead of two.

    The last layer of each residual branch is zero, as where latent diffusion's own training code
    starts from, which diffusers, made for trained weights, leaves out.
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
    """A text encoder whose output tells words apart.

    The usual initialisation makes token embeddings so small that what random layers add drowns
    them: the encodings of two words at one place have a cosine similarity of 0.93. Training would
    raise the embeddings; here they start large, positions less so, and the similarity is 0.25.
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
    """Stable Diffusion 1.x's noise schedule."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule='scaled_linear',
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
