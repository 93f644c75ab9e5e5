"""Inference on images and captions at hand.

Importing any part of mmtadp lets ``mmtadp::`` be inherited from in configs.
"""

from .inference import inference_model, init_model

__all__ = ['inference_model', 'init_model']
