"""Hooks."""

from .caption_prompt_hook import CaptionPromptHook, check_prompt, install_prompt_hooks
from .learned_token_check import check_learned_tokens

__all__ = ['CaptionPromptHook', 'check_learned_tokens', 'check_prompt', 'install_prompt_hooks']
