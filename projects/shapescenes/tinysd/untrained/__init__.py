"""A tiny diffusion pipeline, for demos and tests."""

from .pipeline import build_tiny_pipeline

__all__ = ['build_tiny_pipeline']
