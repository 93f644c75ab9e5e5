"""Latent diffusion models: where their weights come from, and their frozen encoders."""

from mmtadp.utils.pretrained import no_pretrained_weights

from .latent_encoder import LatentEncoder
from .loading import DiffusionModel, load_diffusion_model
from .text_encoder import TextEncoder
from .text_loading import load_text_encoder
from .tokenizer import clip_tokenizer

__all__ = [
    'DiffusionModel',
    'LatentEncoder',
    'TextEncoder',
    'clip_tokenizer',
    'load_diffusion_model',
    'load_text_encoder',
    'no_pretrained_weights',
]
