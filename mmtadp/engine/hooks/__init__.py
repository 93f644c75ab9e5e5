"""Hooks."""

from .caption_prompt_hook import CaptionPromptHook, install_prompt_hooks
from .learned_token_check import check_learned_tokens

__all__ = ['CaptionPromptHook', 'check_learned_tokens', 'install_prompt_hooks']
