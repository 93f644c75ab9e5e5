"""Inference on given images and captions."""

from .attention import attention_of_words
from .inference import inference_model, init_model

__all__ = ['attention_of_words', 'inference_model', 'init_model']
