"""Parts of the training engine."""

from .hooks import CaptionPromptHook, install_prompt_hooks

__all__ = ['CaptionPromptHook', 'install_prompt_hooks']
