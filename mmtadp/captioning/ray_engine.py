"""The same run on Ray Data: one machine or many."""

import functools
import json
import logging
import os
import pickle
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from mmtadp.utils.resumable import RunError

from .batching import AdaptiveBatches
from .image_loading import load_image
from .journal import Progress
from .local_engine import caption_batch, load_captioner
from .model_inputs import load_inputs
from .plan import Plan, Task

# CPUs that Ray sets aside. They differ because Ray runs a task and an actor of equal needs in one
# process, one after the other; a batch is to be decoded while the model is at work on another.
_ACTOR_CPUS = 0.5
_LOADING_CPUS = 1

HOW_TO_INSTALL = "--engine ray needs Ray Data: pip install 'ray[data]' (or 'mmtadp[ray]')"


class RayEngine:
    """Captions with actors of a Ray cluster, images decoded by its tasks ahead of them.

    A row of the data set is a batch of the plan. Results reach this process batch by batch, which
    alone writes the journal. Images and model must have the same paths on all machines.

    Args:
        actors (int, optional): How many models. Defaults to the number of GPUs in the cluster, or
            to one.

    Attributes:
        seconds, model_seconds, models, batch_size, commit: As of
            :class:`~.local_engine.LocalEngine`; seconds include the start of the actors.

    Raises:
        RunError: If Ray is not installed.
    """

    name = 'ray'

    def __init__(self, actors: int | None = None):
        try:
            import ray.data  # noqa: F401
        except ImportError as error:
            raise RunError(f'{HOW_TO_INSTALL}. ({error})') from error
        self._actors = actors
        self.models = actors or 1
        self.seconds = self.model_seconds = 0.0
        self.batch_size = 0
        self.commit = None
        self._gpus, self._started_here = 0, False

    @property
    def model_share(self) -> float:
        """Share of the time that the models were at work."""
        return self.model_seconds / self.seconds / self.models if self.seconds else 0.0

    def prepare(self, task: Task, plan: Plan) -> None:
        """Joins the cluster that ``RAY_ADDRESS`` names, or starts one on this machine.

        Raises:
            RunError: If it is too small.
        """
        import ray

        self._started_here = not ray.is_initialized()
        # Ray's own account of its work: the progress bar and the results say what counts.
        logging.getLogger('ray.data').setLevel(logging.ERROR)
        if self._started_here:
            os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
            ray.init(include_dashboard=False, logging_level=logging.WARNING, log_to_driver=False)
        resources = ray.cluster_resources()
        self._gpus = int(resources.get('GPU', 0))
        self.models = self._actors or max(1, self._gpus)
        cpus = resources.get('CPU', 0)
        needed = self.models * _ACTOR_CPUS + _LOADING_CPUS
        if cpus < needed or (self._gpus and self.models > self._gpus):
            raise RunError(
                f'{self.models} actors need {needed:g} CPUs, and a GPU each if there are any; the '
                f'cluster has {cpus:g} CPUs and {self._gpus} GPUs. Use fewer --actors.'
            )

    def run(self, task: Task, plan: Plan, record: Callable[[Progress], None]) -> None:
        """Captions batches; the arguments are those of ``LocalEngine.run``."""
        import ray

        start = time.perf_counter()
        try:
            for row in self._rows(task, plan):
                self.model_seconds += float(row['seconds'])
                self.batch_size = min(self.batch_size or task.batch_size, int(row['size']))
                self.commit = row['commit'] or None
                for results in json.loads(row['results']):
                    record(Progress(*results))
        finally:
            if self._started_here:
                ray.shutdown()
        self.seconds = time.perf_counter() - start

    def _rows(self, task: Task, plan: Plan) -> Iterator[dict[str, Any]]:
        import ray

        ray.data.DataContext.get_current().enable_progress_bars = False
        rows = [
            dict(images=json.dumps([(key, plan.paths[key]) for key in batch]))
            for batch in plan.batches
        ]
        # One block per batch: what Ray moves, and what is lost if a machine is.
        data = ray.data.from_items(rows, override_num_blocks=len(rows))
        data = data.map(_load_row, fn_kwargs=dict(task=task), num_cpus=_LOADING_CPUS)
        data = data.map_batches(
            _CaptionActor,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=self.models),
            fn_constructor_kwargs=dict(task=task),
            num_cpus=_ACTOR_CPUS,
            num_gpus=1 if self._gpus else 0,
        )
        # Without prefetching a batch's results arrive when they are there, not with the next.
        for block in data.iter_batches(batch_size=None, prefetch_batches=0):
            for values in zip(*block.values(), strict=True):
                yield dict(zip(block, values, strict=True))


def _load_row(row: dict[str, Any], task: Task) -> dict[str, Any]:
    """Decodes a batch; runs in a task."""
    prepare = _inputs(task.model, task.revision, task.prompt).prepare
    images = [
        load_image(key, path, prepare, task.max_pixels) for key, path in json.loads(row['images'])
    ]
    # As bytes, because images of a batch may differ in size or be missing.
    return dict(images=pickle.dumps(images))


@functools.lru_cache(maxsize=1)
def _inputs(model: str, revision: str | None, prompt: str | None) -> Any:
    torch.set_num_threads(1)
    return load_inputs(model, revision, prompt)[0]


class _CaptionActor:
    """Keeps a model and captions batch after batch."""

    def __init__(self, task: Task):
        self._captioner = load_captioner(task, 'cuda' if torch.cuda.is_available() else 'cpu')
        self._batches = AdaptiveBatches(task.batch_size)

    def __call__(self, block: dict[str, np.ndarray]) -> dict[str, list]:
        (images,) = map(pickle.loads, block['images'])
        before = self._captioner.seconds
        results = [
            (progress.captions, progress.skipped)
            for progress in caption_batch(self._captioner, self._batches, images)
        ]
        return dict(
            results=[json.dumps(results)],
            seconds=[self._captioner.seconds - before],
            size=[self._batches.size],
            commit=[self._captioner.commit or ''],
        )
