"""Hooks."""

from .caption_prompt_hook import CaptionPromptHook, install_prompt_hooks
from .check_finite_hook import CheckFiniteHook, NotFiniteError
from .exact_resume_hook import ExactResumeHook
from .learned_token_check import check_learned_tokens
from .safe_checkpoint_hook import SafeCheckpointHook

__all__ = [
    'CaptionPromptHook',
    'CheckFiniteHook',
    'ExactResumeHook',
    'NotFiniteError',
    'SafeCheckpointHook',
    'check_learned_tokens',
    'install_prompt_hooks',
]
