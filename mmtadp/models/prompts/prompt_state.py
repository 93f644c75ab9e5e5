"""The prompts of the images that a backbone sees next."""

import threading
from collections.abc import Sequence

import torch
from torch import Tensor

from mmtadp.utils.errors import RunError

from .base import BasePrompt


class _Batch:
    """Hold the samples of one batch, and what was computed of them.

    Attributes:
        samples (list[dict]): One metainfo dict per image.
        tokens (Tensor, optional): What ``BasePrompt.embed`` returned, (N, T, D).
        adapted (Tensor, optional): The prompt, (N, T, D), shared by the windows of an image.
        with_grad (bool): Whether ``tokens`` were computed with gradients enabled.
    """

    def __init__(self, samples: list[dict]) -> None:
        self.samples = samples
        self.tokens: Tensor | None = None
        self.adapted: Tensor | None = None
        self.with_grad = False


class PromptState(threading.local):
    """Hold the samples of the next images, and their prompt once it is embedded.

    Each thread has samples of its own, so that one model can be used from several threads. Copies
    and pickles start empty.

    Samples serve one call of the backbone. Between :meth:`begin` and :meth:`end` they serve every
    call: one forward of the model that owns the backbone, with all its windows. Such forwards can
    be nested, each with samples of its own.
    """

    def __init__(self) -> None:
        self._batch: _Batch | None = None
        self._outer: list[_Batch | None] = []

    def __reduce__(self) -> tuple:
        return PromptState, ()

    @property
    def samples(self) -> list[dict] | None:
        """One metainfo dict per image. None if none were set."""
        return None if self._batch is None else self._batch.samples

    def set(self, samples: Sequence[str | dict], prompt: BasePrompt | None = None) -> None:
        """Set the samples of the next images.

        Args:
            samples (Sequence[str | dict]): One entry per image: its caption, or its metainfo.
            prompt (BasePrompt, optional): Embeds them now, outside a forward that is compiled.
                By default the first forward does.

        Raises:
            RunError: If ``samples`` is a single entry, or an entry is neither.
        """
        if isinstance(samples, (str, dict)):
            raise RunError(
                'prompts are set by a list with one entry per image, got a single '
                f'{type(samples).__name__}: {samples!r}'
            )
        entries = []
        for index, sample in enumerate(samples):
            if not isinstance(sample, (str, dict)):
                raise RunError(
                    f'the prompt of image {index} of the batch must be its caption or a dict of '
                    f'its metainfo, got {sample!r} ({type(sample).__name__})'
                )
            entries.append(dict(caption=sample) if isinstance(sample, str) else sample)
        self._batch = None
        batch = _Batch(entries)
        if prompt is not None and prompt.meta_keys:
            prompt.check_samples(entries, len(entries))
            batch.tokens = prompt.embed(entries, len(entries))
            batch.with_grad = torch.is_grad_enabled()
        self._batch = batch

    def begin(self, samples: list[dict] | None = None, keys: Sequence[str] = ()) -> None:
        """Keep samples until :meth:`end`: a forward of the owning model begins.

        Args:
            samples (list[dict], optional): Metainfo of the images of this forward. None keeps
                those that were set.
            keys (Sequence[str]): Keys that the prompt type reads. Samples that have none of them,
                or the same values as those of the surrounding forward, change nothing.
        """
        self._outer.append(self._batch)
        if samples is not None and not self._known(samples, keys):
            self._batch = _Batch(samples)

    def _known(self, samples: list[dict], keys: Sequence[str]) -> bool:
        if self._batch is None:
            return False
        if not any(key in sample for sample in samples for key in keys):
            return True
        new, old = (
            [[sample.get(key) for key in keys] for sample in entries]
            for entries in (samples, self._batch.samples)
        )
        return new == old

    def end(self) -> None:
        """Go back to the samples of the surrounding forward; without one, drop them."""
        outer = self._outer.pop()
        self._batch = outer if self._outer else None

    def end_call(self) -> None:
        """Drop the samples after one call of the backbone, unless they are kept."""
        if not self._outer:
            self._batch = None

    def embed(self, prompt: BasePrompt, batch_size: int, device: torch.device) -> Tensor:
        """Return the prompt of the images, (N, T, D).

        Args:
            prompt (BasePrompt): The prompt type.
            batch_size (int): Number of images N.
            device (torch.device): Device of the images. The model may have moved since the
                prompts were set.

        Raises:
            RunError: See :class:`BasePrompt`.
        """
        batch = self._batch
        if not prompt.meta_keys or batch is None:
            return prompt(None, batch_size)
        grad = torch.is_grad_enabled()
        if batch.adapted is not None and not grad and len(batch.adapted) == batch_size:
            return batch.adapted
        if batch.tokens is not None and (batch.with_grad or not grad):
            adapted = prompt(batch.samples, batch_size, batch.tokens.to(device))
        else:
            adapted = _embed_outside_graph(prompt, batch.samples, batch_size)
        # Windows of one image share their prompt. With gradients, each call has its own graph.
        batch.adapted = None if grad else adapted
        return adapted


@torch.compiler.disable
def _embed_outside_graph(prompt: BasePrompt, samples: list[dict], batch_size: int) -> Tensor:
    # A graph with the tokenizer's result would be compiled again for each caption.
    return prompt(samples, batch_size)
