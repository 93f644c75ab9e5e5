"""Hooks."""

from .caption_prompt_hook import CaptionPromptHook
from .check_dataset_hook import CheckDatasetHook
from .learned_token_check import check_learned_tokens
from .mixed_caption_check import check_mixed_captions
from .prompt_handover import install_prompt_hooks

__all__ = [
    'CaptionPromptHook',
    'CheckDatasetHook',
    'check_learned_tokens',
    'check_mixed_captions',
    'install_prompt_hooks',
]
