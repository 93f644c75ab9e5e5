"""Captions on the devices of this machine."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .batching import AdaptiveBatches
from .captioner import Captioner
from .image_loading import LoadedImage, explained_worker_death, load_ahead
from .journal import Progress
from .plan import Plan, Task
from .processes import Processes

EMPTY = 'the caption is empty'


class LocalEngine:
    """Captions this process's share of the batches.

    Args:
        device (str): Where the model runs, such as 'cuda:0'.
        processes (Processes): Those of the run.

    Attributes:
        name (str): What provenance calls the engine.
        models (int): How many models the run has.
        seconds (float): How long this process has been captioning, loading of the model left out.
        model_seconds (float): How much of it in the model.
        batch_size (int): The size that memory allowed, or 0 if there was nothing to do.
        commit (str | None): The revision that a hub id resolved to.
    """

    name = 'local'

    def __init__(self, device: str, processes: Processes):
        self._device = device
        self._processes = processes
        self.models = processes.count
        self.seconds = self.model_seconds = 0.0
        self.batch_size = 0
        self.commit = None
        self._captioner = None

    @property
    def model_share(self) -> float:
        """Share of the time that the model was at work."""
        return self.model_seconds / self.seconds if self.seconds else 0.0

    def prepare(self, task: Task, plan: Plan) -> None:
        """Loads the model, if this process has a share."""
        if self._own(plan):
            self._captioner = load_captioner(task, self._device)
            self.commit = self._captioner.commit

    def run(self, task: Task, plan: Plan, record: Callable[[Progress], None]) -> None:
        """Captions batches.

        Args:
            task (Task): What is asked for.
            plan (Plan): What remains of it.
            record (Callable): Is given the results of each batch.
        """
        captioner, own = self._captioner, self._own(plan)
        if not own:
            return
        batches = AdaptiveBatches(task.batch_size)
        start = time.perf_counter()
        with explained_worker_death():
            for images in load_ahead(
                own, plan.paths, captioner.inputs.prepare, task.max_pixels, task.workers
            ):
                for results in caption_batch(captioner, batches, images):
                    record(results)
        self.seconds = time.perf_counter() - start
        self.model_seconds = captioner.seconds
        self.batch_size = batches.size

    def _own(self, plan: Plan) -> list[list[str]]:
        return plan.batches_of(self._processes.rank, self._processes.count)


def load_captioner(task: Task, device: str) -> Captioner:
    """Loads the model of a task."""
    return Captioner.load(
        task.model, task.decoding, task.revision, task.dtype, device, task.prompt
    )


def caption_batch(
    captioner: Captioner, batches: AdaptiveBatches, images: Sequence[LoadedImage]
) -> Iterator[Progress]:
    """Captions a batch of loaded images.

    An empty caption is tried once more, with another search.

    Args:
        captioner (Captioner): The model.
        batches (AdaptiveBatches): How many images it is given at once.
        images (Sequence[LoadedImage]): Usable and unusable ones.

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
        other = captioner.decoding.other()
        for again, retried in batches.run(_call(captioner, other), empty):
            captions.update(_by_key(again, retried))
        skipped = {key: EMPTY for key, text in captions.items() if not _has_words(text)}
        yield Progress({k: v for k, v in captions.items() if k not in skipped}, skipped)


def _call(captioner: Captioner, *decoding: Any) -> Callable[[Sequence[LoadedImage]], list[str]]:
    return lambda images: captioner.caption([image.pixels for image in images], *decoding)


def _by_key(images: Sequence[LoadedImage], texts: Sequence[str]) -> dict[str, str]:
    return dict(zip((image.key for image in images), texts, strict=True))


def _has_words(caption: str) -> bool:
    return any(map(str.isalnum, caption))
