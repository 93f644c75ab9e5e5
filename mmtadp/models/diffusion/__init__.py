"""Latent diffusion models: where their weights come from, and their frozen encoders."""

from mmtadp.utils.pretrained import no_pretrained_weights

from .latent_encoder import LatentEncoder
from .learned_tokens import add_learned_tokens, read_learned_tokens
from .loading import DiffusionModel, load_diffusion_model
from .text_encoder import TextEncoder
from .text_loading import load_text_encoder
from .tokenizer import clip_tokenizer

__all__ = [
    'DiffusionModel',
    'LatentEncoder',
    'TextEncoder',
    'add_learned_tokens',
    'clip_tokenizer',
    'load_diffusion_model',
    'load_text_encoder',
    'no_pretrained_weights',
    'read_learned_tokens',
]
