"""Kill trainings at random moments, resume them, and compare with an uninterrupted one.

    python -m tests.utils.resume_kills --kills 10

Runs ``tools/train.py`` on the tiny pipeline with flips, crops, dropout, accumulated gradients and
a validation in the middle, with 0 and 2 workers, by iterations and by epochs. Each killed run is
continued with ``--resume`` until it ends. Prints a line for each, and exits with 1 if any loss of
any step or any weight differs from the uninterrupted run.
"""

import argparse
import json
import os
import random
import runpy
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch

from .paths import REPOSITORY
from .processes import prepared_processes
from .tiny_model import save_pipeline, tiny_diffusion_model
from .tiny_runs import tiny_config, write_images

STEPS = 16
IMAGES = 8


def resumable_config(folder: Path, by_epoch: bool, workers: int, **options) -> Path:
    """Write a config of :data:`STEPS` steps whose batches depend on every random generator.

    Args:
        folder (Path): Where ``pipeline``, ``images`` and the config are, or are written to.
        by_epoch (bool): Train by epochs of 4 steps. Otherwise by iterations.
        workers (int): Processes that load images.
        options: See :func:`.tiny_runs.tiny_config`.

    Returns:
        Path: The config.
    """
    if not (folder / 'images').exists():
        save_pipeline(tiny_diffusion_model(), folder / 'pipeline')
        write_images(folder / 'images', IMAGES)
    loop = (
        dict(type='EpochBasedTrainLoop', max_epochs=STEPS // 4, val_interval=2)
        if by_epoch
        else dict(type='IterBasedTrainLoop', max_iters=STEPS, val_interval=STEPS // 2)
    )
    config = tiny_config(
        folder / 'pipeline',
        folder / 'images',
        folder / 'work_dir',
        train_dataloader__batch_size=2,
        train_dataloader__num_workers=workers,
        # In the middle of an epoch, and of the two batches of an optimizer step.
        default_hooks__checkpoint__interval=3,
        optim_wrapper__accumulative_counts=2,
        model__decode_head__dropout_ratio=0.5,
        param_scheduler=[],
    )
    config.train_cfg = loop
    if by_epoch:
        config.train_dataloader.sampler.type = 'DefaultSampler'
    config.train_dataloader.dataset.pipeline.insert(
        -1, dict(type='RandomCrop', crop_size=(48, 48))
    )
    # Drawn by mmengine then, and kept in the checkpoint.
    config.randomness = dict(seed=None if options.pop('draw_seed', False) else 0)
    config.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
    path = folder / f'{"epochs" if by_epoch else "iterations"}_{workers}_workers.py'
    config.dump(str(path))
    return path


def logged_losses(work_dir: Path) -> dict[int, set]:
    """Return by step the losses of all runs into a work directory."""
    losses = {}
    for path in sorted(work_dir.glob('*/vis_data/*.json')):
        for line in path.read_text().splitlines() if path.name[0].isdigit() else ():
            # A kill may have cut the last line.
            record = json.loads(line) if line.endswith('}') else {}
            if 'loss' in record:
                losses.setdefault(record['iter'], set()).add(record['loss'])
    return losses


def final_weights(work_dir: Path) -> dict[str, torch.Tensor]:
    """Return the state dict of the last checkpoint."""
    pointed = Path((work_dir / 'last_checkpoint').read_text()).name
    return torch.load(work_dir / pointed, weights_only=True)['state_dict']


def differences(work_dir: Path, expected: Path) -> str:
    """Return how a run differs from another one, or an empty text."""
    losses, others = logged_losses(work_dir), logged_losses(expected)
    steps = sorted(step for step in others if losses.get(step) != others[step])
    weights, other_weights = final_weights(work_dir), final_weights(expected)
    names = [key for key in other_weights if not torch.equal(weights[key], other_weights[key])]
    found = [f'losses of steps {steps}'] if steps else []
    found += [f'{len(names)} of {len(weights)} weights'] if names else []
    return ' and '.join(found)


def _train(config: Path, work_dir: Path, *options: str) -> None:
    """Run tools/train.py in this process, with its output in a file."""
    sys.stdout = sys.stderr = open(f'{work_dir}.txt', 'a')  # noqa: SIM115
    script = REPOSITORY / 'tools' / 'train.py'
    os.environ['LOCAL_RANK'] = '0'
    sys.path.insert(0, str(script.parent))
    sys.argv = [str(script), str(config), '--work-dir', str(work_dir), *options]
    torch.set_num_threads(1)
    runpy.run_path(str(script), run_name='__main__')


def _start(context, config: Path, work_dir: Path, *options: str):
    process = context.Process(target=_train, args=(config, work_dir, *options))
    process.start()
    return process


def _finish(process) -> None:
    process.join()
    if process.exitcode:
        raise SystemExit(f'a training ended with {process.exitcode}: see its .txt file')


def main() -> int:
    """Run all kills and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--kills', type=int, default=10, help='for each of the four set-ups')
    parser.add_argument('--seed', type=int, default=0, help='of the moments')
    parser.add_argument('--folder', type=Path, help='keep all files here')
    args = parser.parse_args()
    os.environ['TRANSFORMERS_VERBOSITY'] = 'error'
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    folder = args.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    draw, context, wrong = random.Random(args.seed), prepared_processes(), 0
    for by_epoch in (False, True):
        for workers in (0, 2):
            config = resumable_config(folder, by_epoch, workers)
            expected = folder / f'{config.stem}_uninterrupted'
            _finish(_start(context, config, expected))
            started = time.time()
            _finish(_start(context, config, folder / f'{config.stem}_again'))
            seconds = time.time() - started
            problem = differences(folder / f'{config.stem}_again', expected)
            wrong += bool(problem)
            print(
                f'{config.stem}: a second run: {problem or "equal"} ({seconds:.1f} s)', flush=True
            )
            for number in range(args.kills):
                work_dir = folder / f'{config.stem}_{number}'
                process = _start(context, config, work_dir)
                after = draw.uniform(0.2, 1) * seconds
                process.join(after)
                was_running = process.is_alive()
                if was_running:
                    os.kill(process.pid, signal.SIGKILL)
                    process.join()
                resumed_from = 'start'
                if (work_dir / 'last_checkpoint').exists():
                    resumed_from = Path((work_dir / 'last_checkpoint').read_text()).stem
                options = ['--resume'] if resumed_from != 'start' else ['--overwrite']
                _finish(_start(context, config, work_dir, *options))
                problem = differences(work_dir, expected)
                wrong += bool(problem)
                end = f'killed after {after:.1f} s' if was_running else 'ended before its kill'
                print(
                    f'{config.stem}, {end}, resumed from {resumed_from}: {problem or "equal"}',
                    flush=True,
                )
    print(f'{wrong} runs differ from the uninterrupted one. Files: {folder}')
    return int(wrong > 0)


if __name__ == '__main__':
    sys.exit(main())
