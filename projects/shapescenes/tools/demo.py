"""Train, test and draw TADP on generated scenes, on a CPU in minutes.

python projects/shapescenes/tools/demo.py --task depth
"""

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# `projects` is found from the root; an installed mmtadp comes first. `tools` holds what all tools
# share.
sys.path.append(str(ROOT))
sys.path.insert(0, str(ROOT / 'tools'))

from _arguments import Parser, new_folder, positive  # noqa: E402

from projects.shapescenes.demo import TASKS, DemoTask  # noqa: E402
from projects.shapescenes.demo.processes import Job, JobError, run_jobs  # noqa: E402

METRICS = 'metrics.json'
_ENTRIES = {
    **dict.fromkeys(('labelled_scenes', 'iterations', 'batch_size', 'validation_scenes'), int),
    **dict.fromkeys(('prompts', 'chance'), dict),
}
# For a smoke test of half a minute; --cfg-options override them.
QUICK = {
    'train_cfg.max_iters': 10,
    'train_cfg.val_interval': 10,
    'train_dataloader.batch_size': 2,
}
QUICK_SCENES = dict(training=40, validation=16)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description='Write ShapeScenes and captions of its images; fine-tune TinySD, a small '
        'pretrained diffusion model, with the null text and with the captions; test both and draw '
        'examples. The same command continues an interrupted demo.'
    )
    parser.add_argument('--task', choices=list(TASKS), default=next(iter(TASKS)))
    parser.add_argument('--quick', action='store_true', help='smoke test of half a minute')
    parser.add_argument(
        '--work-dir',
        type=new_folder,
        help='folder of logs and results, one subfolder per task (default: work_dirs/demo, with '
        '--quick work_dirs/demo_quick)',
    )
    parser.add_argument(
        '--data',
        type=new_folder,
        help='folder of the scenes, 0.5 GB (default: data/ in the work directory)',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='start again although there are results'
    )
    parser.add_argument(
        '--training', type=positive, help='labelled scenes (default: as in the config)'
    )
    parser.add_argument('--validation', type=positive, help='scenes to test on (default: 300)')
    parser.add_argument(
        '--cfg-options', nargs='+', metavar='KEY=VALUE', help='as in tools/train.py'
    )
    # A step that this program runs in a process of its own.
    parser.add_argument('--step', help=argparse.SUPPRESS)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo, or one of its steps, and return the exit code."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    args.work_dir = args.work_dir or f'work_dirs/demo{"_quick" if args.quick else ""}'
    args.data = args.data or str(Path(args.work_dir) / 'data')
    defaults = QUICK_SCENES if args.quick else dict(validation=300)
    for name, value in defaults.items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if args.step:
        run_step(args)
        return 0
    # This import takes seconds, which --help does without.
    from mmtadp.utils.errors import exit_code

    again = ' without --overwrite' if args.overwrite else ''
    # As Ctrl-C, so that no child process is left.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return exit_code(
        lambda: demonstrate(args), f'The same command{again} continues from the last checkpoints.'
    )


def demonstrate(args: argparse.Namespace) -> int:
    """Run what is missing of the demo, print the figures, and return the exit code.

    Raises:
        RunError: If the user can fix what a step has met, or another process runs the demo.
    """
    from mmtadp.utils.errors import RunError
    from mmtadp.utils.folder_lock import FolderLock

    task = TASKS[args.task]
    folder = Path(args.work_dir) / task.name
    with FolderLock(folder):
        if args.overwrite:
            (folder / METRICS).unlink(missing_ok=True)
            for name in ('logs', *task.configs):
                shutil.rmtree(folder / name.replace(' ', '_'), ignore_errors=True)
        if (folder / METRICS).exists():
            print(f'{folder} holds the results of an earlier demo; --overwrite runs it again.')
        else:
            try:
                run_demo(task, args, folder)
            except JobError as error:
                if error.exit_code == 2:
                    raise RunError(str(error)) from error
                print(f'\nerror: {error}', file=sys.stderr)
                return error.exit_code
        report(task, folder)
    return 0


def run_demo(task: DemoTask, args: argparse.Namespace, folder: Path) -> None:
    """Run all steps that are not done yet."""
    started = time.monotonic()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    os.environ.update(TOKENIZERS_PARALLELISM='false')
    logs = folder / 'logs'
    print(f'Demo: {task.name} on ShapeScenes. Results: {folder}. Full output: {logs}', flush=True)

    def run(title: str, steps: Sequence[str], threads: int = max(1, min(cores, 4))) -> None:
        print(f'{title} ...', flush=True)
        start = time.monotonic()
        os.environ['OMP_NUM_THREADS'] = str(threads)
        jobs = [
            Job(step, command(args, step), logs / f'{step.replace(" ", "_")}.log')
            for step in steps
        ]
        run_jobs(jobs, at_once=max(1, cores))
        print(f'      done in {minutes(start)}', flush=True)

    run('[1/3] Scenes, and captions that a model writes from the images', ['scenes'])
    prompts = [p for p in task.configs if not (folder / p.replace(' ', '_') / METRICS).exists()]
    together = ', side by side' if cores > 1 and len(prompts) > 1 else ''
    if prompts:
        title = f'[2/3] Training and test with {" and with ".join(prompts)}{together}'
        # A second thread speeds up a model of this size by little, a second run costs no time.
        run(title, prompts, threads=1)
    run('[3/3] Drawing', ['drawing'])
    print(f'All steps took {minutes(started)}.')


def command(args: argparse.Namespace, step: str) -> list[str]:
    """Return the command that runs one step."""
    words = [sys.executable, str(Path(__file__).resolve()), '--step', step, '--task', args.task]
    words += ['--work-dir', args.work_dir, '--data', args.data]
    words += ['--validation', str(args.validation)]
    if args.training:
        words += ['--training', str(args.training)]
    options = [f'{key}={value}' for key, value in QUICK.items()] if args.quick else []
    options += args.cfg_options or []
    return words + (['--cfg-options', *options] if options else [])


def minutes(start: float) -> str:
    """Return the time since ``start`` in words."""
    seconds = time.monotonic() - start
    return f'{seconds:.0f} s' if seconds < 90 else f'{seconds / 60:.1f} min'


def run_step(args: argparse.Namespace) -> None:
    """Run one step in this process."""
    # Before torch. OpenMP's threads spin while they wait, by default so long that training slows
    # down many times over as soon as anything else wants their core.
    os.environ.setdefault('GOMP_SPINCOUNT', '1000')
    os.environ.setdefault('MPLBACKEND', 'Agg')
    sys.path.insert(0, str(ROOT / 'tools' / 'analysis_tools'))
    from projects.shapescenes.demo.steps import run_step

    run_step(args.step, args)


def report(task: DemoTask, folder: Path) -> None:
    """Print the figures and the files."""
    from mmtadp.utils.atomic_files import read_json

    metrics = read_json(folder / METRICS, 'Run the demo again with --overwrite.', _ENTRIES)
    print(
        f'\nTinySD, fine-tuned on {metrics["labelled_scenes"]} labelled scenes for '
        f'{metrics["iterations"]} iterations of {metrics["batch_size"]}\nwith each prompt, tested '
        f'on {metrics["validation_scenes"]} other scenes:\n'
    )
    print(''.join(f'{column:>9}' for column in task.columns))
    for name, figures in {**metrics['prompts'], task.chance: metrics['chance']}.items():
        values = (style.format(figures[key]) for key, style in task.columns.items())
        print(''.join(f'{value:>9}' for value in values), name, sep='  ')
    print()
    files = {**task.files, '*/predictions*': 'all predictions', METRICS: 'these figures'}
    width = max(len(str(folder / name)) for name in files) + 2
    for name, content in files.items():
        print(f'  {str(folder / name):<{width}}{content}')


if __name__ == '__main__':
    sys.exit(main())
