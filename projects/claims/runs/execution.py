"""One run: train with the stock runner, test, note what came out."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from numbers import Real
from pathlib import Path

import torch
from packaging.requirements import Requirement

from mmtadp.utils import launch as runs
from mmtadp.utils.atomic_files import write_json
from mmtadp.utils.compat import safe_checkpoint_loading
from mmtadp.utils.dependencies import CORE, MM_SETS, installed_versions

from .configuration import folder_of, runner_config
from .confusion import PREFIX
from .fingerprint import fingerprint
from .plan import Run
from .results import ResultsFile
from .settings import Settings

_PACKAGES = (
    'mmtadp',
    *CORE,
    'numpy',
    *(Requirement(text).name for packages in MM_SETS.values() for text in packages.values()),
)
_DIGITS = 6


def execute(run: Run, settings: Settings) -> dict:
    """Makes a run and adds its result to the raw results file.

    Args:
        run (Run): The run.
        settings (Settings): Those of all runs.

    Returns:
        dict: What was added.

    Raises:
        FileNotFoundError: If the config names files that are not there.
        RuntimeError: If another process is at the same run.
    """
    with _locked(folder_of(run.trained, settings)):
        started = time.monotonic()
        checkpoint = _train(run.trained, settings)
        trained = time.monotonic()
        tests = _test(run, settings, checkpoint)
        tested = time.monotonic()
    row = dict(
        key=run.key,
        config=run.config,
        seed=run.seed,
        labelled=run.labelled,
        blur=run.blur,
        fingerprint=fingerprint(run, settings),
        **_facts(run, settings),
        **tests,
        minutes=dict(
            train=round((trained - started) / 60, 2), test=round((tested - trained) / 60, 2)
        ),
        **_surroundings(),
    )
    ResultsFile(settings.results).append(row)
    return row


def _train(run: Run, settings: Settings) -> str:
    """Trains, unless the folder of the run has the checkpoint of the very same training."""
    folder, mark = folder_of(run, settings), fingerprint(run, settings)
    done = folder / 'trained.json'
    checkpoint = runs.last_checkpoint(folder)
    if checkpoint is None or not done.exists() or json.loads(done.read_text()) != mark:
        done.unlink(missing_ok=True)
        config = runner_config(run, settings)
        runs.protect_results(config, overwrite=True)
        runs.build_runner(config, skip_pretrained=False).train()
        write_json(done, mark)
        checkpoint = runs.last_checkpoint(folder)
    return str(checkpoint)


def _test(run: Run, settings: Settings, checkpoint: str) -> dict:
    """Figures and, where there are, confusion matrices."""
    config = runner_config(run, settings)
    config.load_from, config.resume = checkpoint, False
    config.experiment_name = config.visualizer.name = f'{run.key}_test'
    with safe_checkpoint_loading():
        runner = runs.build_runner(config, skip_pretrained=True)
        scores = runner.test()
    metrics = {k: round(float(v), _DIGITS) for k, v in scores.items() if isinstance(v, Real)}
    confusion = {
        name.removeprefix(f'{PREFIX}/'): value
        for name, value in scores.items()
        if name.startswith(f'{PREFIX}/')
    }
    found = dict(test_scenes=len(runner.test_dataloader.dataset), metrics=metrics)
    return {**found, 'confusion': confusion} if confusion else found


def _facts(run: Run, settings: Settings) -> dict:
    """What the report says of the config."""
    config = runner_config(run, settings)
    dataset = config.test_dataloader.dataset
    return dict(
        task=run.task,
        iterations=config.train_cfg.max_iters,
        batch_size=config.train_dataloader.batch_size,
        training_scenes=config.train_dataloader.dataset.get('indices'),
        classes=list(dataset.get('metainfo', {}).get('classes', ())),
    )


def _surroundings() -> dict:
    """Hardware and versions."""
    cuda = torch.cuda.is_available()
    return dict(
        device=torch.cuda.get_device_name() if cuda else 'CPU',
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        versions=installed_versions(_PACKAGES),
        finished=time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keeps a second process from the same folder, for example one of a killed command."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / 'lock').open('w') as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(
                f'{folder} is in use by another process, which makes this run: wait for it or '
                'end it'
            ) from None
        yield
