"""Caption batches on the devices of this machine."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .batching import AdaptiveBatches
from .captioner import Captioner
from .image_loading import LoadedImage, load_ahead
from .processes import Processes
from .task import Plan, Progress, Task

EMPTY = 'the caption is empty'


class Engine(ABC):
    """Base of the engines, which caption the batches of a plan.

    Args:
        models (int): Number of models in the run.

    Attributes:
        name (str): Name in the provenance.
        models (int): As given.
        seconds (float): Time of captioning in this process, without loading the model.
        model_seconds (float): Part of it that a model was at work.
        batch_size (int): The size that memory allowed, or 0 if there was nothing to do.
        commit (str | None): The revision that a hub id resolved to.
    """

    name: str

    def __init__(self, models: int):
        self.models = models
        self.seconds = self.model_seconds = 0.0
        self.batch_size = 0
        self.commit: str | None = None

    @property
    def model_share(self) -> float:
        """float: Share of the time that a model was at work."""
        return self.model_seconds / self.seconds if self.seconds else 0.0

    def provenance(self) -> dict:
        """Return the entries for the provenance."""
        return dict(
            commit=self.commit,
            engine=self.name,
            processes=self.models,
            batch_size=self.batch_size,
        )

    @abstractmethod
    def prepare(self, task: Task, plan: Plan) -> None:
        """Load the model.

        Raises:
            RunError: If it cannot be loaded.
        """

    @abstractmethod
    def run(self, task: Task, plan: Plan) -> Iterator[Progress]:
        """Yield the results of this process's batches, as soon as they are known."""


class LocalEngine(Engine):
    """Caption this process's share of the batches.

    Args:
        device (str): Where the model runs, such as 'cuda:0'.
        processes (Processes): The processes of the run.
    """

    name = 'local'

    def __init__(self, device: str, processes: Processes):
        super().__init__(models=processes.count)
        self._device = device
        self._processes = processes
        self._captioner = None

    def prepare(self, task: Task, plan: Plan) -> None:
        """Load the model, if this process has a share."""
        if self._share(plan):
            self._captioner = load_captioner(task, self._device)
            self.commit = self._captioner.commit

    def run(self, task: Task, plan: Plan) -> Iterator[Progress]:
        """Yield the results of this process's batches, as soon as they are known."""
        captioner, share = self._captioner, self._share(plan)
        if not share:
            return
        batches = AdaptiveBatches(task.batch_size)
        start = time.perf_counter()
        for images in load_ahead(
            share, plan.paths, captioner.inputs.prepare, task.max_pixels, task.workers
        ):
            yield from caption_batch(captioner, batches, images)
        self.seconds = time.perf_counter() - start
        self.model_seconds = captioner.seconds
        self.batch_size = batches.size

    def _share(self, plan: Plan) -> list[list[str]]:
        return plan.batches[self._processes.rank :: self._processes.count]


def load_captioner(task: Task, device: str) -> Captioner:
    """Load the model of a task."""
    return Captioner.load(
        task.model, task.decoding, task.revision, task.dtype, device, task.prompt
    )


def caption_batch(
    captioner: Captioner, batches: AdaptiveBatches, images: Sequence[LoadedImage]
) -> Iterator[Progress]:
    """Caption a batch of loaded images.

    Images whose caption is empty are captioned once more, with the fallback search.

    Args:
        captioner (Captioner): The model.
        batches (AdaptiveBatches): Limits the number of images per call.
        images (Sequence[LoadedImage]): Usable and unusable images.

    Yields:
        Progress: Captions and skipped images, as soon as they are known.
    """
    broken = {image.key: image.problem for image in images if image.problem is not None}
    if broken:
        yield Progress(skipped=broken)
    usable = [image for image in images if image.problem is None]
    for part, texts in batches.run(_call(captioner), usable):
        captions = _by_key(part, texts)
        empty = [image for image in part if not _has_words(captions[image.key])]
        fallback = captioner.decoding.fallback()
        for again, retried in batches.run(_call(captioner, fallback), empty):
            captions.update(_by_key(again, retried))
        skipped = {key: EMPTY for key, text in captions.items() if not _has_words(text)}
        yield Progress({k: v for k, v in captions.items() if k not in skipped}, skipped)


def _call(captioner: Captioner, *decoding: Any) -> Callable[[Sequence[LoadedImage]], list[str]]:
    return lambda images: captioner.caption([image.pixels for image in images], *decoding)


def _by_key(images: Sequence[LoadedImage], texts: Sequence[str]) -> dict[str, str]:
    return dict(zip((image.key for image in images), texts, strict=True))


def _has_words(caption: str) -> bool:
    return any(map(str.isalnum, caption))
