"""From a run to the config that the stock runner gets."""

import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from .blur import blurred_name
from .plan import Run
from .settings import DEFAULT_DATA, Settings

BASES = {
    'segmentation': 'tadp_shapescenes',
    'depth': 'tadp_shapescenes_depth',
    'detection': 'tadp_shapescenes_detection',
}
"""The config of each task whose neck and heads all its variants start from."""


@lru_cache(maxsize=None)
def _read(file: str) -> Config:
    return Config.fromfile(file)


def read_config(stem: str, settings: Settings) -> Config:
    """A config of the family with the overrides of all runs; the caller may change it."""
    config = copy.deepcopy(_read(str(Path(settings.configs) / f'{stem}.py')))
    config.merge_from_dict(settings.cfg_options)
    return config


def experiment(run: Run, settings: Settings) -> Config:
    """What a run depends on: its config with seed, labelled scenes and blur.

    Args:
        run (Run): The run.
        settings (Settings): Those of all runs.

    Returns:
        Config: Paths start with :data:`.DEFAULT_DATA`, wherever the data are.
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
    if run.task == 'segmentation':
        config.test_evaluator = [config.test_evaluator, dict(type='mmtadp.ConfusionBySize')]
    base = read_config(BASES[run.task], settings)
    start = dict(model=base.model.to_dict(), default_scope=base.default_scope)
    hook = dict(type='mmtadp.InitialHeadHook', config=start, seed=run.seed)
    config.custom_hooks = [*config.get('custom_hooks', []), hook]
    return config


def runner_config(run: Run, settings: Settings) -> Config:
    """The experiment as the stock runner takes it: no validation, one checkpoint, few logs.

    Args:
        run (Run): The run.
        settings (Settings): Those of all runs.

    Returns:
        Config: Paths are real ones.
    """
    config = experiment(run, settings)
    if settings.data != DEFAULT_DATA:
        found = replace_prefix(config.to_dict(), DEFAULT_DATA, settings.data)
        config = Config(found, filename=config.filename)
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config.default_hooks.checkpoint = dict(
        type='CheckpointHook',
        by_epoch=False,
        interval=config.train_cfg.max_iters,
        save_optimizer=False,
        save_param_scheduler=False,
    )
    config.work_dir = str(folder_of(run.trained, settings))
    config.launcher = 'none'
    # Logs and visualizers are global by name.
    config.experiment_name = run.key
    config.visualizer.name = run.key
    config.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    return config


def folder_of(run: Run, settings: Settings) -> Path:
    """Where a run's logs and checkpoint are."""
    return Path(settings.work_dir) / run.key


def replace_prefix(value: Any, old: str, new: str) -> Any:
    """Puts another folder in place of one, in all paths of nested dicts and lists.

    Args:
        value (Any): Of a config.
        old (str): A folder.
        new (str): What takes its place.

    Returns:
        Any: A copy.
    """
    if isinstance(value, str):
        inside = value == old or value.startswith(f'{old}/')
        return new + value[len(old) :] if inside else value
    if isinstance(value, dict):
        return type(value)({k: replace_prefix(v, old, new) for k, v in value.items()})
    if isinstance(value, (list, tuple)):
        return type(value)(replace_prefix(item, old, new) for item in value)
    return value
