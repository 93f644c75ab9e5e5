"""TinySD: a small latent diffusion model of ShapeScenes, and how it is pretrained."""

from .pretraining import PretrainingSettings, pretrain

__all__ = ['PretrainingSettings', 'pretrain']
