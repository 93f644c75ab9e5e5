"""The prompts of the images that a backbone sees next."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .base import BasePrompt


class PromptState:
    """Hold the samples of the next images, and their prompt once it is embedded.

    Samples serve one call of the backbone. Between :meth:`begin` and :meth:`end` they serve every
    call: one forward of the model that owns the backbone, with all its windows.

    Attributes:
        samples (list[dict], optional): One metainfo dict per image. None if none were set.
    """

    def __init__(self) -> None:
        self.samples: list[dict] | None = None
        self._embedded: Tensor | None = None
        self._keep = False

    def set(self, samples: Sequence[str | dict]) -> None:
        """Set the samples of the next images.

        Args:
            samples (Sequence[str | dict]): One entry per image: its caption, or its metainfo.

        Raises:
            TypeError: If ``samples`` is a single entry.
        """
        if isinstance(samples, (str, dict)):
            raise TypeError(
                'prompts are set by a list with one entry per image, got a single '
                f'{type(samples).__name__}: {samples!r}'
            )
        self.samples = [dict(caption=s) if isinstance(s, str) else s for s in samples]
        self._embedded = None

    def begin(self) -> None:
        """Keep the samples until :meth:`end`: a forward of the owning model begins."""
        self._keep = True

    def end(self) -> None:
        """Drop the samples: the forward of the owning model is over."""
        self._keep = False
        self.samples = self._embedded = None

    def end_call(self) -> None:
        """Drop the samples after one call of the backbone, unless they are kept."""
        if not self._keep:
            self.end()

    def embed(self, prompt: BasePrompt, batch_size: int) -> Tensor:
        """Return the prompt of the images, (N, T, D).

        Args:
            prompt (BasePrompt): The prompt type.
            batch_size (int): Number of images N.

        Raises:
            RuntimeError: See :class:`BasePrompt`.
        """
        if self._embedded is not None and len(self._embedded) == batch_size:
            return self._embedded
        embedded = prompt(self.samples, batch_size)
        # Windows of one image share their prompt. With gradients, each call has its own graph.
        self._embedded = None if torch.is_grad_enabled() else embedded
        return embedded
