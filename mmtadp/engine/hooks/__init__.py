"""Hooks."""

from .caption_prompt_hook import CaptionPromptHook
from .check_dataset_hook import CheckDatasetHook
from .check_finite_hook import CheckFiniteHook, NotFiniteError
from .exact_resume_hook import ExactResumeHook
from .learned_token_check import check_learned_tokens
from .mixed_caption_check import check_mixed_captions
from .prompt_handover import install_prompt_hooks
from .safe_checkpoint_hook import SafeCheckpointHook

__all__ = [
    'CaptionPromptHook',
    'CheckDatasetHook',
    'CheckFiniteHook',
    'ExactResumeHook',
    'NotFiniteError',
    'SafeCheckpointHook',
    'check_learned_tokens',
    'check_mixed_captions',
    'install_prompt_hooks',
]
