"""Build the config of a run for the stock runner."""

import copy
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmtadp.utils.config_options import check_options

from . import registered
from .blur import blurred_name
from .claims_settings import DEFAULT_DATA, ClaimsSettings
from .run_plan import Run

BASES = {
    'segmentation': 'tadp_shapescenes',
    'depth': 'tadp_shapescenes_depth',
    'detection': 'tadp_shapescenes_detection',
}
"""The config of each task whose initial neck and heads all variants share."""


@cache
def _read(file: str) -> Config:
    return Config.fromfile(file)


def read_config(stem: str, settings: ClaimsSettings) -> Config:
    """Return a copy of a config with the overrides that all runs share.

    Args:
        stem (str): Stem of the config file.
        settings (ClaimsSettings): Settings of all runs.
    """
    config = copy.deepcopy(_read(str(Path(settings.configs) / f'{stem}.py')))
    config.merge_from_dict(settings.cfg_options)
    return config


def check_overrides(runs: Sequence[Run], settings: ClaimsSettings) -> None:
    """Check that the overrides that all runs share fit the configs of the runs.

    Raises:
        RunError: If one fits nothing in a config.
    """
    for stem in sorted({run.config for run in runs}):
        check_options(_read(str(Path(settings.configs) / f'{stem}.py')), settings.cfg_options)


def experiment(run: Run, settings: ClaimsSettings) -> Config:
    """Return the config of a run with its seed, labelled scenes and blur.

    Args:
        run (Run): The run.
        settings (ClaimsSettings): Settings of all runs.

    Returns:
        Config: All paths of data start with :data:`.DEFAULT_DATA`, even if the data are elsewhere.
    """
    config = read_config(run.config, settings)
    config.randomness = dict(seed=run.seed)
    if run.labelled is not None:
        config.train_dataloader.dataset.indices = run.labelled
    if run.blur:
        dataset = config.test_dataloader.dataset
        day = config.data_root
        blurred = str(Path(day).with_name(blurred_name(Path(day).name, run.blur)))
        config.test_dataloader.dataset = replace_prefix(dataset, day, blurred)
    if run.variant.task == 'segmentation':
        config.test_evaluator = [config.test_evaluator, dict(type='mmtadp.ConfusionBySize')]
    base = read_config(BASES[run.variant.task], settings)
    start = dict(model=base.model.to_dict(), default_scope=base.default_scope)
    hook = dict(type='mmtadp.InitialHeadHook', config=start, seed=run.seed)
    config.custom_hooks = [*config.get('custom_hooks', []), hook]
    return config


def runner_config(run: Run, settings: ClaimsSettings) -> Config:
    """Return the config of a run for the stock runner: no validation, one checkpoint.

    Args:
        run (Run): The run.
        settings (ClaimsSettings): Settings of all runs.

    Returns:
        Config: Its paths exist. ``tools/test.py`` runs the file that the runner dumps, with the
        repository's root on ``PYTHONPATH``.
    """
    config = experiment(run, settings)
    config.custom_imports = dict(imports=[registered.__name__], allow_failed_imports=False)
    if settings.data != DEFAULT_DATA:
        found = replace_prefix(config.to_dict(), DEFAULT_DATA, settings.data)
        config = Config(found, filename=config.filename)
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config.default_hooks.checkpoint = dict(
        type='mmtadp.SafeCheckpointHook',
        by_epoch=False,
        interval=config.train_cfg.max_iters,
        save_optimizer=False,
        save_param_scheduler=False,
    )
    config.work_dir = str(folder_of(run.trained, settings))
    config.launcher = 'none'
    # mmengine keeps loggers and visualizers by name for the whole process.
    config.experiment_name = run.key
    config.visualizer.name = run.key
    config.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    return config


def folder_of(run: Run, settings: ClaimsSettings) -> Path:
    """Return the folder of a run's logs and checkpoint."""
    return Path(settings.work_dir) / run.key


def replace_prefix(value: Any, old: str, new: str) -> Any:
    """Return a copy of a config value in which another folder replaces a folder.

    Args:
        value (Any): A string, or nested dicts and lists of strings and other values.
        old (str): Folder to replace, in paths that are or start with it.
        new (str): Folder that replaces it.
    """
    if isinstance(value, str):
        inside = value == old or value.startswith(f'{old}/')
        return new + value[len(old) :] if inside else value
    if isinstance(value, dict):
        return type(value)({k: replace_prefix(v, old, new) for k, v in value.items()})
    if isinstance(value, (list, tuple)):
        return type(value)(replace_prefix(item, old, new) for item in value)
    return value
