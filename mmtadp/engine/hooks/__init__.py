"""Hooks."""

<<<<<<< HEAD
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
=======
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
>>>>>>> main
    'install_prompt_hooks',
]
