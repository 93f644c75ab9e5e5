"""Trains, tests and draws TADP on generated scenes, on a CPU in minutes.

python projects/shapescenes/tools/demo.py --task depth
"""

import argparse
import copy
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# `projects` is found from the root; an installed mmtadp comes first.
sys.path.append(str(Path(__file__).resolve().parents[3]))

# Before torch. OpenMP's threads spin while they wait, by default so long that training slows down
# many times over as soon as anything else wants their core; spinning briefly costs nothing.
os.environ.setdefault('GOMP_SPINCOUNT', '1000')

from mmengine.config import Config

from mmtadp.utils import launch as runs
from mmtadp.utils.atomic_files import write_json
from mmtadp.utils.compat import safe_checkpoint_loading
from mmtadp.utils.resumable import RunError
from projects.shapescenes.tinysd.preparation import prepare

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / 'tools' / 'analysis_tools'))
from projects.shapescenes.demo import CAPTIONS, TASKS, DemoTask, PromptRun  # noqa: E402

METRICS = 'metrics.json'


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Write ShapeScenes, and captions of them that a model makes from the images; '
        'fine-tune TinySD, a small pretrained diffusion model, on few labelled scenes with the '
        'null text, with the captions and with an oracle; test all and draw what they predict. '
        'An interrupted demo is continued by the same command.'
    )
    parser.add_argument('--task', choices=list(TASKS), default=next(iter(TASKS)))
    parser.add_argument('--work-dir', help='by default work_dirs/demo_ and the task')
    parser.add_argument(
        '--overwrite', action='store_true', help='start again although there are results'
    )
    parser.add_argument(
        '--training',
        type=int,
        default=1000,
        help='scenes to write for training, of which the configs use the first',
    )
    parser.add_argument('--validation', type=int, default=300, help='scenes to test on')
    parser.add_argument('--cfg-options', nargs='+', action=runs.DictAction, help='as in train.py')
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    task = TASKS[args.task]
    work_dir = Path(args.work_dir or Path('work_dirs') / f'demo_{task.name}')
    metrics_file = work_dir / METRICS
    if args.overwrite:
        for file in (metrics_file, *work_dir.glob(f'*/{METRICS}')):
            file.unlink(missing_ok=True)
    elif metrics_file.exists():
        print(f'{work_dir} holds the results of an earlier demo:')
        report(task, work_dir, json.loads(metrics_file.read_text()))
        command = f'python projects/shapescenes/tools/demo.py --task {task.name} --overwrite'
        print(f'Run it again with --overwrite (`{command}`).')
        return
    try:
        metrics = run_demo(task, args, work_dir)
    except KeyboardInterrupt:
        print('\nInterrupted. The same command continues from the last checkpoint.')
        sys.exit(130)
    except (FileExistsError, RunError) as error:
        parser.error(str(error))
    write_json(metrics_file, metrics)
    report(task, work_dir, metrics)


def run_demo(task: DemoTask, args: argparse.Namespace, work_dir: Path) -> dict:
    """All steps; returns what is written to metrics.json."""
    started = time.time()
    configs = {
        prompt: load_config(config, work_dir / prompt.replace(' ', '_'), args.cfg_options)
        for prompt, config in task.configs.items()
    }
    cfg = configs[CAPTIONS]
    data = Path(cfg.data_root)
    say('writing scenes and their captions')
    prepare(
        data.parent,
        domains=[data.name],
        num_training=args.training,
        num_validation=args.validation,
        size=cfg.image_size,
        captions=['long'],
    )
    done, scores = {}, {}
    for number, (prompt, cfg) in enumerate(configs.items(), start=1):
        say(f'{number}/{len(configs)} {prompt}: training for {cfg.train_cfg.max_iters} iterations')
        done[prompt], scores[prompt] = run_prompt(task, cfg, args.overwrite)
    print(f'\nFor comparison, {task.chance}:')
    chance = task.figures(task.score_chance(cfg))
    say('drawing')
    task.draw(done, work_dir)
    return {
        'prompts': scores,
        'chance': chance,
        'labelled_scenes': min(cfg.train_dataloader.dataset.indices, args.training),
        'validation_scenes': args.validation,
        'iterations': cfg.train_cfg.max_iters,
        'minutes': round((time.time() - started) / 60, 1),
    }


def load_config(config: Path, work_dir: Path, cfg_options: dict | None) -> Config:
    """A config as the command line wants it."""
    options = argparse.Namespace(
        config=str(config),
        work_dir=str(work_dir),
        cfg_options=cfg_options,
        launcher='none',
        local_rank=0,
    )
    return runs.load_config(options)


def run_prompt(task: DemoTask, cfg: Config, overwrite: bool) -> tuple[PromptRun, dict]:
    """Train and test with one prompt, or take the result of an interrupted demo."""
    work_dir = Path(cfg.work_dir)
    metrics_file = work_dir / METRICS
    if metrics_file.exists():
        print('Done already.')
    else:
        # Loggers and visualizers are global by name: do not continue those of another run.
        name = f'{task.name} {work_dir.name}'
        train(copy.deepcopy(cfg), overwrite, f'{name} train')
        scores = test(task, copy.deepcopy(cfg), f'{name} test')
        write_json(metrics_file, task.figures(scores))
    run = PromptRun(cfg, str(runs.last_checkpoint(work_dir)), work_dir)
    return run, json.loads(metrics_file.read_text())


def say(message: str) -> None:
    """A line that stands out among the log's."""
    print(f'\n=== {message}', flush=True)


def train(cfg: Config, overwrite: bool, name: str) -> None:
    """Train with the stock runner, or continue an interrupted demo."""
    cfg.experiment_name = cfg.visualizer.name = name
    # The test follows.
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    resume = not overwrite and runs.last_checkpoint(cfg.work_dir) is not None
    if resume:
        runs.set_resume(cfg, 'auto')
        print(f'Continuing from {cfg.load_from}')
    else:
        # Checkpoints without results: an interrupted demo whose pointer to the last is missing.
        runs.protect_results(cfg, overwrite)
    with safe_checkpoint_loading():
        runs.build_runner(cfg, weights_follow=resume).train()


def test(task: DemoTask, cfg: Config, name: str) -> dict[str, float]:
    """Test with the stock runner, which also draws every prediction."""
    work_dir = Path(cfg.work_dir)
    cfg.experiment_name = cfg.visualizer.name = name
    cfg.load_from, cfg.resume = str(runs.last_checkpoint(work_dir)), False
    # Absolute, as mmdet puts a relative folder inside its own.
    runs.draw_to(cfg, str((work_dir / 'predictions').resolve()))
    task.keep_predictions(cfg, work_dir)
    with safe_checkpoint_loading():
        return runs.build_runner(cfg, weights_follow=True).test()


def report(task: DemoTask, work_dir: Path, metrics: dict) -> None:
    """Print the figures and where things are."""
    rows = {**metrics['prompts'], task.chance: metrics['chance']}
    print(
        f'\nTinySD, fine-tuned on {metrics["labelled_scenes"]} labelled scenes for '
        f'{metrics["iterations"]} iterations with each prompt,\ntested on '
        f'{metrics["validation_scenes"]} others. A captioner writes the captions, from the images '
        'alone; the oracle\nnames the classes in the ground truth.\n'
    )
    print(''.join(f'{column:>9}' for column in task.columns))
    for prompt, figures in rows.items():
        values = (style.format(figures[key]) for key, style in task.columns.items())
        print(''.join(f'{value:>9}' for value in values), prompt, sep='  ')
    print(f'\nIt took {metrics["minutes"]} minutes (without what an interrupted demo had done).')
    files = {**task.pictures, '*/predictions': 'every prediction', METRICS: 'these figures'}
    width = max(len(str(work_dir / name)) for name in files) + 4
    for name, what in files.items():
        print(f'  {str(work_dir / name):<{width}}{what}')


if __name__ == '__main__':
    main()
