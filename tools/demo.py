"""Trains, tests and draws TADP on generated scenes, on a CPU in minutes.

python tools/demo.py --task depth
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Dict, Optional, Sequence

# Before torch. OpenMP's threads spin while they wait, by default so long that training slows down
# many times over as soon as anything else wants their core; spinning briefly costs nothing.
os.environ.setdefault('GOMP_SPINCOUNT', '1000')

from mmengine.config import Config

from mmtadp.compat import safe_checkpoint_loading
from mmtadp.datasets.shapescenes import write_dataset
from mmtadp.engine import runs
from mmtadp.models.diffusion.tiny import build_tiny_pipeline

# Scripts of this folder are no package.
sys.path.insert(0, str(Path(__file__).parent))
from demo_tasks import TASKS, DemoTask  # noqa: E402


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Write ShapeScenes and a tiny diffusion pipeline, train the demo config of a '
        'task on them, test it and draw what it predicts. An interrupted demo is continued by the '
        'same command.'
    )
    parser.add_argument('--task', choices=list(TASKS), default=next(iter(TASKS)))
    parser.add_argument('--work-dir', help="by default work_dirs/ and the config's name")
    parser.add_argument(
        '--overwrite', action='store_true', help='start again although there are results'
    )
    parser.add_argument('--training', type=int, default=1000, help='scenes to train on')
    parser.add_argument('--validation', type=int, default=200, help='scenes to test on')
    parser.add_argument('--cfg-options', nargs='+', action=runs.DictAction, help='as in train.py')
    return parser


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Entry point."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    task = TASKS[args.task]
    work_dir = Path(args.work_dir or Path('work_dirs') / task.config.stem)
    metrics_file = work_dir / 'metrics.json'
    if args.overwrite:
        metrics_file.unlink(missing_ok=True)
    elif metrics_file.exists():
        print(f'{work_dir} holds the results of an earlier demo:')
        report(task, work_dir, json.loads(metrics_file.read_text()))
        command = f'python tools/demo.py --task {task.name} --overwrite'
        print(f'Run it again with --overwrite (`{command}`).')
        return
    try:
        metrics = run_demo(task, args, work_dir)
    except KeyboardInterrupt:
        print('\nInterrupted. The same command continues from the last checkpoint.')
        sys.exit(130)
    except FileExistsError as error:
        parser.error(str(error))
    write_json(metrics_file, metrics)
    report(task, work_dir, metrics)


def run_demo(task: DemoTask, args: argparse.Namespace, work_dir: Path) -> Dict:
    """All steps; returns what is written to metrics.json."""
    started = time.time()
    options = argparse.Namespace(
        config=str(task.config),
        work_dir=str(work_dir),
        cfg_options=args.cfg_options,
        launcher='none',
        local_rank=0,
    )
    cfg = runs.load_config(options)
    data = Path(cfg.data_root)
    say('1/4 writing scenes and the tiny diffusion pipeline')
    write_dataset(
        data.parent,
        domains=[data.name],
        num_training=args.training,
        num_validation=args.validation,
        size=cfg.image_size,
    )
    build_tiny_pipeline(cfg.model.backbone.pretrained)

    say(f'2/4 training {task.config.name} for {cfg.train_cfg.max_iters} iterations')
    continued = train(cfg, args.overwrite)

    say('3/4 testing')
    checkpoint = str(runs.last_checkpoint(work_dir))
    scores = test(task, runs.load_config(options), checkpoint, work_dir)
    print(f'\nFor comparison, {task.chance}:')
    chance = task.score_chance(cfg)

    say('4/4 drawing')
    task.draw(cfg, checkpoint, work_dir)
    return {
        **task.figures(scores, chance),
        'training_scenes': args.training,
        'validation_scenes': args.validation,
        'iterations': cfg.train_cfg.max_iters,
        'minutes': round((time.time() - started) / 60, 1),
        'continued': continued,
    }


def say(message: str) -> None:
    """A line that stands out among the log's."""
    print(f'\n=== {message}', flush=True)


def train(cfg: Config, overwrite: bool) -> bool:
    """Train with the stock runner; returns whether it continued an interrupted demo."""
    resume = not overwrite and runs.last_checkpoint(cfg.work_dir) is not None
    if resume:
        runs.set_resume(cfg, 'auto')
        print(f'Continuing from {cfg.load_from}')
    else:
        # Checkpoints without results: an interrupted demo whose pointer to the last is missing.
        runs.protect_results(cfg, overwrite)
    with safe_checkpoint_loading():
        runs.build_runner(cfg, weights_follow=resume).train()
    return resume


def test(task: DemoTask, cfg: Config, checkpoint: str, work_dir: Path) -> Dict[str, float]:
    """Test with the stock runner, which also draws every prediction."""
    cfg.load_from, cfg.resume = checkpoint, False
    # Absolute, as mmdet puts a relative folder inside its own.
    runs.draw_to(cfg, str((work_dir / 'predictions').resolve()))
    task.keep_predictions(cfg, work_dir)
    # Loggers and visualizers are global by name: do not continue those of the training.
    cfg.experiment_name = f'{task.config.stem}_test'
    cfg.visualizer.name = 'test'
    with safe_checkpoint_loading():
        return runs.build_runner(cfg, weights_follow=True).test()


def write_json(path: Path, content: Dict) -> None:
    """Write a file that is never seen half written."""
    temporary = path.with_suffix('.tmp')
    temporary.write_text(json.dumps(content, indent=2) + '\n')
    temporary.replace(path)


def report(task: DemoTask, work_dir: Path, metrics: Dict) -> None:
    """Print the figures and where things are."""
    files = {
        **task.pictures,
        'predictions': 'every prediction',
        'metrics.json': 'these figures',
    }
    width = max(len(str(work_dir / name)) for name in files) + 4
    print(
        f'\n{task.summary(metrics)}\n'
        "The captions are the scene generator's own, so they are always right; the U-Net was "
        'not pretrained.\n'
        f'It took {metrics["minutes"]} minutes'
        f'{" since it was continued" if metrics["continued"] else ""}.'
    )
    for name, what in files.items():
        print(f'  {str(work_dir / name):<{width}}{what}')


if __name__ == '__main__':
    main()
