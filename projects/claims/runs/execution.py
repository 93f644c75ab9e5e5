"""Execute one run: train and test with the stock runner, and store the result."""

import json
import os
import time
from numbers import Real

import torch
from packaging.requirements import Requirement

from mmtadp.utils import launch as runs
from mmtadp.utils.atomic_files import write_json
from mmtadp.utils.dependencies import CORE, MM_SETS, installed_versions
from mmtadp.utils.folder_lock import FolderLock

from .claims_settings import ClaimsSettings
from .configuration import folder_of, runner_config
from .confusion import PREFIX
from .fingerprint import fingerprint
from .results_file import ResultsFile
from .run_plan import Run

_PACKAGES = (
    'mmtadp',
    *CORE,
    'numpy',
    *(Requirement(text).name for packages in MM_SETS.values() for text in packages.values()),
)
_DIGITS = 6


def execute(run: Run, settings: ClaimsSettings) -> dict:
    """Execute a run and append its result to the results file.

    Args:
        run (Run): The run.
        settings (ClaimsSettings): Settings of all runs.

    Returns:
        dict: The appended row.

    Raises:
        FileNotFoundError: If a file that the config names does not exist.
        FolderInUseError: If another process executes the same run.
    """
    folder = folder_of(run.trained, settings)
    folder.mkdir(parents=True, exist_ok=True)
    # Against a second process, for example one that a killed command has left.
    with FolderLock(folder, 'lock'):
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


def _train(run: Run, settings: ClaimsSettings) -> str:
    """Return the checkpoint of a run: train, unless its folder has one with this fingerprint."""
    folder, mark = folder_of(run, settings), fingerprint(run, settings)
    done = folder / 'trained.json'
    checkpoint = runs.last_checkpoint(folder)
    # A damaged mark is another one.
    if checkpoint is None or not done.exists() or done.read_bytes().strip() != _mark(mark):
        done.unlink(missing_ok=True)
        config = runner_config(run, settings)
        runs.protect_results(config, overwrite=True)
        runs.build_runner(config, skip_pretrained=False).train()
        write_json(done, mark)
        checkpoint = runs.last_checkpoint(folder)
    return str(checkpoint)


def _mark(mark: str) -> bytes:
    return json.dumps(mark).encode()


def _test(run: Run, settings: ClaimsSettings, checkpoint: str) -> dict:
    """Test a checkpoint, and return metrics and confusion matrices, if the task has any."""
    config = runner_config(run, settings)
    config.load_from, config.resume = checkpoint, False
    config.experiment_name = config.visualizer.name = f'{run.key}_test'
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


def _facts(run: Run, settings: ClaimsSettings) -> dict:
    """Return the facts about a config that the report shows."""
    config = runner_config(run, settings)
    dataset = config.test_dataloader.dataset
    return dict(
        task=run.variant.task,
        iterations=config.train_cfg.max_iters,
        batch_size=config.train_dataloader.batch_size,
        training_scenes=config.train_dataloader.dataset.get('indices'),
        classes=list(dataset.get('metainfo', {}).get('classes', ())),
    )


def _surroundings() -> dict:
    """Return hardware and versions."""
    cuda = torch.cuda.is_available()
    return dict(
        device=torch.cuda.get_device_name() if cuda else 'CPU',
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        versions=installed_versions(_PACKAGES),
        finished=time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
    )
