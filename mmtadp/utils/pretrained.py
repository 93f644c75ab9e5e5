"""Whether models read their pretrained weights when they are built."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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
