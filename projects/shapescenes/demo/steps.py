"""The steps of the demo. Each runs in a process of its own, started by ``tools/demo.py``."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.hooks import Hook

from mmtadp.utils import launch
from mmtadp.utils.atomic_files import read_json, write_json
from mmtadp.utils.errors import RunError, describe_os_error
from projects.shapescenes.tinysd.preparation import prepare

from .tasks import CAPTIONS, TASKS, DemoTask

METRICS = 'metrics.json'
_DATA = 'data/shapescenes'
"""Folder that the configs name."""


class PromptRun(NamedTuple):
    """The model that was trained with one prompt.

    Attributes:
        cfg: Its config.
        checkpoint: Its weights.
        work_dir: Folder of its predictions.
    """

    cfg: Config
    checkpoint: str
    work_dir: Path


class ReportIterations(Hook):
    """Report each training iteration to the parent process.

    Args:
        report (Callable): Takes the iterations done and their total.
    """

    def __init__(self, report: Callable[[int, int], None]) -> None:
        self._report = report

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Report the iteration."""
        self._report(runner.iter + 1, runner.max_iters)


def run_step(step: str, args: argparse.Namespace) -> None:
    """Run a step, with everything that it prints in the log file.

    Args:
        step (str): 'scenes', 'drawing', or the prompt to train with.
        args (Namespace): Arguments of the demo, with all paths set.
    """
    messages = os.fdopen(os.dup(1), 'w', buffering=1)
    # Standard error is the log file already.
    os.dup2(2, 1)
    task = TASKS[args.task]
    try:
        if step == 'scenes':
            write_scenes(task, args)
        elif step == 'drawing':
            draw(task, args)
        else:
            train_and_test(
                task,
                step,
                args,
                lambda done, total: print(
                    json.dumps({'done': done, 'total': total}), file=messages
                ),
            )
    except (OSError, RunError) as error:
        text = describe_os_error(error) if isinstance(error, OSError) else str(error)
        print(json.dumps({'error': text}), file=messages)
        raise
    print(f'{step}: {time.process_time():.0f} CPU seconds', file=sys.stderr)


def load_config(task: DemoTask, prompt: str, args: argparse.Namespace) -> Config:
    """Return a config of the demo with the arguments applied."""
    work_dir = Path(args.work_dir) / task.name / prompt.replace(' ', '_')
    options = argparse.Namespace(
        config=str(task.configs[prompt]),
        work_dir=str(work_dir),
        cfg_options=args.cfg_options,
        launcher='none',
        local_rank=0,
    )
    cfg = launch.load_config(options)
    cfg.merge_from_dict(_relocate(cfg.to_dict(), args.data))
    if args.training:
        cfg.train_dataloader.dataset.indices = args.training
    return cfg


def _relocate(value: Any, data: str) -> Any:
    """Replace the data folder that configs name, wherever it is in them."""
    if isinstance(value, dict):
        return {key: _relocate(item, data) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_relocate(item, data) for item in value)
    if isinstance(value, str) and (value == _DATA or value.startswith(f'{_DATA}/')):
        return str(Path(data)) + value[len(_DATA) :]
    return value


def write_scenes(task: DemoTask, args: argparse.Namespace) -> None:
    """Write the scenes, their captions and TinySD, or the missing part of them."""
    cfg = load_config(task, CAPTIONS, args)
    prepare(
        args.data,
        num_training=cfg.train_dataloader.dataset.indices,
        num_validation=args.validation,
        size=cfg.image_size,
        # One process per core; a few scenes are drawn before others have started.
        workers=torch.get_num_threads() if cfg.train_dataloader.dataset.indices > 500 else 0,
        captions=['long'],
    )


def train_and_test(
    task: DemoTask, prompt: str, args: argparse.Namespace, report: Callable[[int, int], None]
) -> None:
    """Train with one prompt, or continue an interrupted training, test, and write the figures."""
    cfg = load_config(task, prompt, args)
    work_dir = Path(cfg.work_dir)
    iterations = cfg.train_cfg.max_iters
    test_cfg = cfg.copy()
    # The test follows.
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    # Loggers and visualizers are global by name: the test has its own.
    cfg.experiment_name = cfg.visualizer.name = 'training'
    resume = launch.last_checkpoint(work_dir) is not None
    if resume:
        launch.set_resume(cfg, 'auto')
    else:
        launch.protect_results(cfg, overwrite=True)
    runner = launch.build_runner(cfg, skip_pretrained=resume)
    runner.register_hook(ReportIterations(report))
    runner.train()
    test_cfg.experiment_name = test_cfg.visualizer.name = 'test'
    test_cfg.load_from, test_cfg.resume = str(launch.last_checkpoint(work_dir)), False
    task.module.keep_predictions(test_cfg, work_dir)
    scores = launch.build_runner(test_cfg, skip_pretrained=True).test()
    figures = task.module.figures(scores)
    content = dict(
        figures=figures,
        iterations=iterations,
        batch_size=cfg.train_dataloader.batch_size,
        labelled_scenes=cfg.train_dataloader.dataset.indices,
    )
    write_json(work_dir / METRICS, content)


def draw(task: DemoTask, args: argparse.Namespace) -> None:
    """Score the comparison, write all figures, and draw the examples."""
    runs, results = {}, {}
    for prompt in task.configs:
        cfg = load_config(task, prompt, args)
        work_dir = Path(cfg.work_dir)
        runs[prompt] = PromptRun(cfg, str(launch.last_checkpoint(work_dir)), work_dir)
        advice = 'Delete it: the same command tests again.'
        results[prompt] = read_json(work_dir / METRICS, advice, {'figures': dict})
    cfg = runs[CAPTIONS].cfg
    folder = Path(args.work_dir) / task.name
    chance = task.module.figures(task.module.score_chance(cfg))
    task.module.draw(runs, folder)
    # Last: the file says that the demo is complete.
    write_json(
        folder / METRICS,
        dict(
            prompts={prompt: result['figures'] for prompt, result in results.items()},
            chance=chance,
            validation_scenes=args.validation,
            **{k: v for k, v in results[CAPTIONS].items() if k != 'figures'},
        ),
    )
