"""Whether models read their pretrained weights when they are built."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# The way out for a checkpoint of another prompt or other settings.
CHANGE_ON_PURPOSE = (
    'To change the prompt or its settings on purpose, set '
    "`custom_hooks=[dict(type='mmtadp.CaptionPromptHook', check_checkpoint=False)]`."
)
# For errors of `pretrained` where its weights are not read.
CONFIGS_ONLY = (
    'Only its configs and its tokenizer are read here, as the weights come from a checkpoint: a '
    'folder with these few MB is enough. For the architecture of Stable Diffusion 1.5 set '
    'pretrained=None; for another one set architecture=DIR to a folder with its configs as well.'
)

_skipped: ContextVar[bool] = ContextVar('skip_pretrained', default=False)


@contextmanager
def no_pretrained_weights() -> Iterator[None]:
    """Build models inside this context without reading pretrained weights.

    Inside, ``pretrained`` names an architecture and a tokenizer only. For testing and resuming: a
    checkpoint of mmtadp holds every weight, so reading the pretrained ones first takes time and
    needs files that may be missing. A backbone built in this context refuses to run until a state
    dict is loaded.
    """
    token = _skipped.set(True)
    try:
        yield
    finally:
        _skipped.reset(token)


def skipping_pretrained() -> bool:
    """Return whether the caller runs inside :func:`no_pretrained_weights`."""
    return _skipped.get()


def takes_other_prompts(config: Any) -> bool:
    """Return whether a config loads checkpoints of another prompt than its own.

    Its model then keeps its own text encoder or embeddings, so it needs the pretrained weights.

    Args:
        config (Config): A config with ``custom_hooks``; that of ``CaptionPromptHook`` decides.
    """
    for hook in config.get('custom_hooks') or ():
        if not isinstance(hook, Mapping):
            continue
        name = getattr(hook.get('type'), '__name__', hook.get('type'))
        if str(name).rpartition('.')[2] == 'CaptionPromptHook':
            return not hook.get('check_checkpoint', True)
    return False
