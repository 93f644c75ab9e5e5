"""A complete latent diffusion pipeline of about 5 M parameters, built from a seed.

It has the parts and the folder layout of Stable Diffusion 1.x, so whatever reads a diffusers
folder reads it, but nobody has trained it: its weights are random. Two parts stay frozen in
TADP, and are therefore initialised so that they pass on what they are given, as trained ones
would; see :func:`_init_autoencoder` and :func:`_init_text_encoder`.
"""

import json
import os
import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, List, Tuple, Union

import diffusers
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel
from transformers.models.clip.modeling_clip import CLIPTextEmbeddings

from mmtadp.datasets import shapescenes

MAX_LENGTH = 77
TEXT_WIDTH = 128
LATENT_CHANNELS = 16
_LATENT_STATISTICS_SCENES = 32

_COMMON_WORDS = """
a an the and or of in on at by with without to from into over under above below behind before
front next near beside between against along around left right top bottom middle side there is
are it its this that some another other one two three four five six many several few no not
photo picture image painting drawing style watercolor watercolour comic cartoon dark night day
light bright constructivism foggy dashcam sunny rainy view scene shot close up large little tall
old new outside inside sitting standing lying shows background ground street floor wall
"""


def build_tiny_pipeline(folder: Union[str, os.PathLike], seed: int = 0) -> Path:
    """Write the pipeline as a diffusers folder, or keep the one that is there.

    Args:
        folder (str | PathLike): Where to. It appears whole or not at all.
        seed (int): Seed of the weights.

    Returns:
        Path: ``folder``, which holds ``model_index.json``, ``unet``, ``vae``, ``text_encoder``,
        ``tokenizer`` and ``scheduler``.

    Raises:
        FileExistsError: If ``folder`` holds anything else than this pipeline of this seed.
    """
    folder = Path(folder)
    index = {
        '_class_name': 'StableDiffusionPipeline',
        '_diffusers_version': diffusers.__version__,
        '_name_or_path': f'mmtadp tiny pipeline, random weights of seed {seed}',
        'feature_extractor': [None, None],
        'requires_safety_checker': False,
        'safety_checker': [None, None],
        'scheduler': ['diffusers', 'DDIMScheduler'],
        'text_encoder': ['transformers', 'CLIPTextModel'],
        'tokenizer': ['transformers', 'CLIPTokenizer'],
        'unet': ['diffusers', 'UNet2DConditionModel'],
        'vae': ['diffusers', 'AutoencoderKL'],
    }
    if folder.exists() and any(folder.iterdir()):
        _check_existing(folder, index)
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f'.{folder.name}.', dir=folder.parent) as temporary:
        new = Path(temporary) / folder.name
        new.mkdir()
        vocab, merges = build_vocabulary(_words())
        _write_tokenizer(new / 'tokenizer', vocab, merges)
        # The modules draw from torch's global generator; the caller's stream is left alone.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            _build_unet().save_pretrained(new / 'unet')
            _build_autoencoder().save_pretrained(new / 'vae')
            _build_text_encoder(len(vocab)).save_pretrained(new / 'text_encoder')
        _build_scheduler().save_pretrained(new / 'scheduler')
        (new / 'model_index.json').write_text(json.dumps(index, indent=2) + '\n')
        if folder.exists():
            folder.rmdir()
        os.replace(new, folder)
    return folder
