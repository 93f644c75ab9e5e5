"""Caption batches with Ray Data, on one machine or several."""

import functools
import json
import logging
import os
import pickle
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from mmtadp.utils.errors import RunError

from .batching import AdaptiveBatches
from .image_loading import load_image
from .local_engine import Engine, caption_batch, load_captioner
from .model_inputs import load_inputs
from .task import Plan, Progress, Task

# CPUs that Ray sets aside. They differ because Ray runs a task and an actor of equal needs in one
# process, one after the other; a batch must be decoded while the model is at work on another.
_ACTOR_CPUS = 0.5
_LOADING_CPUS = 1


class RayEngine(Engine):
    """Caption with actors of a Ray cluster, while its tasks decode the next images.

    A row of the data set is a batch of the plan. Results arrive in this process batch by batch,
    and it alone writes the journal. Images and model must have the same paths on all machines.
    ``seconds`` includes the start of the actors.

    Args:
        actors (int, optional): Number of models. Defaults to the number of GPUs in the cluster,
            or to one.

    Raises:
        RunError: If Ray is not installed.
    """

    name = 'ray'

    def __init__(self, actors: int | None = None):
        try:
            import ray.data  # noqa: F401
        except ImportError as error:
            raise RunError(
                "--engine ray needs Ray Data: pip install 'ray[data]' (or 'mmtadp[ray]'). "
                f'({error})'
            ) from error
        super().__init__(models=actors or 1)
        self._actors = actors
        self._gpus, self._started_here = 0, False

    def prepare(self, task: Task, plan: Plan) -> None:
        """Join the cluster that ``RAY_ADDRESS`` names, or start one on this machine.

        Raises:
            RunError: If the cluster is too small.
        """
        import ray

        self._started_here = not ray.is_initialized()
        # Less of Ray's own reports: the progress bar and the results show what matters.
        logging.getLogger('ray.data').setLevel(logging.ERROR)
        if self._started_here:
            os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
            ray.init(include_dashboard=False, logging_level=logging.WARNING, log_to_driver=False)
        resources = ray.cluster_resources()
        cpus, self._gpus = resources.get('CPU', 0), int(resources.get('GPU', 0))
        self.models = self._actors or max(1, self._gpus)
        needed = self.models * _ACTOR_CPUS + _LOADING_CPUS
        if cpus < needed or (self._gpus and self.models > self._gpus):
            raise RunError(
                f'{self.models} actors need {needed:g} CPUs, and a GPU each if there are any; the '
                f'cluster has {cpus:g} CPUs and {self._gpus} GPUs. Use fewer --actors.'
            )

    def run(self, task: Task, plan: Plan) -> Iterator[Progress]:
        """Yield the results of all batches, as soon as they are known."""
        import ray

        start = time.perf_counter()
        try:
            for row in self._rows(task, plan):
                self.model_seconds += float(row['seconds']) / self.models
                self.batch_size = min(self.batch_size or task.batch_size, int(row['size']))
                self.commit = row['commit'] or None
                for results in json.loads(row['results']):
                    yield Progress(*results)
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
        # One block per batch: the unit that Ray moves, and that is lost with a machine.
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
        # Without prefetching, a batch's results do not wait for the next batch.
        for block in data.iter_batches(batch_size=None, prefetch_batches=0):
            for values in zip(*block.values(), strict=True):
                yield dict(zip(block, values, strict=True))


def _load_row(row: dict[str, Any], task: Task) -> dict[str, Any]:
    """Decode a batch, in a task."""
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
    """Keep a model and caption one batch after another."""

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
