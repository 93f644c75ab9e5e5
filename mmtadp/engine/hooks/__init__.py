"""Hooks."""

from .caption_prompt_hook import CaptionPromptHook, check_prompt, install_prompt_hooks

__all__ = ['CaptionPromptHook', 'check_prompt', 'install_prompt_hooks']
