"""Hooks."""

from .caption_prompt_hook import CaptionPromptHook
from .learned_token_check import check_learned_tokens
from .prompt_handover import install_prompt_hooks

__all__ = ['CaptionPromptHook', 'check_learned_tokens', 'install_prompt_hooks']
