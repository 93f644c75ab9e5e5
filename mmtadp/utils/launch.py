"""Build a stock runner from the arguments of ``tools/train.py`` and ``tools/test.py``.

Both take configs of mmsegmentation and mmdetection; ``default_scope`` names the package.
"""

import argparse
import logging
import os
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmtadp.utils.class_names import dataset_names_of
from mmtadp.utils.config_files import read_config
from mmtadp.utils.dependencies import check_package
from mmtadp.utils.errors import RunError, describe_os_error
from mmtadp.utils.launchers import is_first_process, prepare_launcher
from mmtadp.utils.pretrained import no_pretrained_weights, takes_other_prompts
from mmtadp.utils.quiet import QuietRunner, silence_harmless_warnings
from mmtadp.utils.run_checks import check_datasets, check_settings, readable_errors
from mmtadp.utils.work_dir import (
    LAST_CHECKPOINT,
    check_work_dir,
    checkpoint_to_resume,
    find_checkpoints,
    hold_work_dir,
    last_checkpoint,
    release_work_dir,
)


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the common arguments.

    Args:
        args (Namespace): Parsed arguments.

    Returns:
        Config: With ``work_dir`` and ``launcher`` set.

    Raises:
        RunError: If the config does not exist, or an override is not ``key=value``.
    """
    silence_harmless_warnings()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = read_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('work_dirs', Path(args.config).stem)
    return cfg


def use_amp(cfg: Config) -> None:
    """Turn automatic mixed precision on.

    Raises:
        RunError: If AMP does not support the config's optimizer wrapper.
    """
    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    # Pure-Python configs have classes.
    wrapper = getattr(wrapper, '__name__', wrapper)
    if wrapper == 'AmpOptimWrapper':
        print_log('The config already uses AMP.', logger='current', level=logging.WARNING)
        return
    if wrapper != 'OptimWrapper':
        raise RunError(
            f"--amp replaces optim_wrapper.type 'OptimWrapper', but the config has {wrapper!r}. "
            'Leave out --amp, or set the wrapper in the config.'
        )
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def resume_of(cfg: Config) -> str | None:
    """Return what a config's own ``resume`` asks for, as the argument of :func:`set_resume`.

    Returns:
        str | None: The checkpoint in ``load_from``, 'auto' if there is none, or None if the
        config does not resume.

    Raises:
        RunError: If ``resume`` is not True or False.
    """
    resume = cfg.get('resume')
    if not isinstance(resume, bool) and resume is not None:
        raise RunError(
            f'resume={resume!r} in the config must be True or False. To continue from a '
            'checkpoint, use --resume PATH.'
        )
    return (cfg.get('load_from') or 'auto') if resume else None


def set_resume(cfg: Config, resume: str, asked_by: str = '--resume') -> None:
    """Make the run continue an earlier one, and lock the work directory.

    Args:
        cfg (Config): With ``work_dir``.
        resume (str): A checkpoint, or 'auto' for the last one of the work directory.
        asked_by (str): What asked for it, for messages. Defaults to ``'--resume'``.

    Raises:
        RunError: If the checkpoint does not exist.
        FolderInUseError: If another process trains into the work directory.
    """
    check_work_dir(cfg.work_dir)
    first = is_first_process(cfg.get('launcher', 'none'))
    if first and Path(cfg.work_dir).is_dir():
        hold_work_dir(cfg.work_dir)
    checkpoint = checkpoint_to_resume(cfg.work_dir, asked_by) if resume == 'auto' else resume
    check_checkpoint(str(checkpoint))
    if first:
        hold_work_dir(cfg.work_dir)
    cfg.resume = True
    # If load_from is unset, mmengine searches itself; the config's own would be resumed instead.
    cfg.load_from = str(checkpoint)


def protect_results(cfg: Config, overwrite: bool) -> None:
    """Refuse to write a new run into the work directory of an earlier one, and lock it.

    Args:
        cfg (Config): With ``work_dir``.
        overwrite (bool): Allow it.

    Raises:
        RunError: If the work directory has checkpoints and ``overwrite`` is False.
        FolderInUseError: If another process trains into the work directory.
    """
    check_work_dir(cfg.work_dir)
    checkpoints = find_checkpoints(cfg.work_dir)
    if checkpoints and not overwrite:
        raise RunError(
            f'{cfg.work_dir} holds the checkpoints of an earlier run, such as '
            f'{checkpoints[-1].name}. Continue it with --resume, write elsewhere with --work-dir, '
            'or replace its files with --overwrite.'
        )
    if is_first_process(cfg.get('launcher', 'none')):
        hold_work_dir(cfg.work_dir)
        # Otherwise, if this run stops early, --resume would continue the earlier one.
        (Path(cfg.work_dir) / LAST_CHECKPOINT).unlink(missing_ok=True)


def check_checkpoint(checkpoint: str) -> None:
    """Check that a checkpoint exists, before a model is built for it.

    Raises:
        RunError: If it is a path without a file.
    """
    path = Path(checkpoint).expanduser()
    if '://' in checkpoint or path.is_file():
        return
    if path.is_dir():
        found = ', '.join(p.name for p in find_checkpoints(path)) or 'no .pth file'
        raise RunError(f'the checkpoint {checkpoint} is a folder, not a file; it holds {found}.')
    found = ', '.join(p.name for p in find_checkpoints(path.parent)) or 'no .pth file'
    raise RunError(f'the checkpoint {checkpoint} does not exist; {path.parent} holds {found}.')


def build_runner(cfg: Config, skip_pretrained: bool) -> Runner:
    """Build the runner of a config.

    Args:
        cfg (Config): The config.
        skip_pretrained (bool): Do not read pretrained weights, because a checkpoint of mmtadp,
            which holds all weights, is loaded next. Ignored if the config takes checkpoints of
            another prompt, for which the model keeps its own text encoder.

    Returns:
        Runner: :class:`.quiet.QuietRunner`, or ``runner_type``.

    Raises:
        RunError: If a number in the config is out of range, or the launcher cannot be used.
        ImportError: If the package of ``default_scope`` cannot be imported.
        ValueError: If a hook's ``after_build`` refuses the model, e.g. for a neck that takes other
            channels than the backbone returns.
    """
    silence_harmless_warnings()
    check_package(cfg.get('default_scope'))
    check_settings(cfg)
    prepare_launcher(cfg)
    skip_pretrained = skip_pretrained and not takes_other_prompts(cfg)
    without = no_pretrained_weights() if skip_pretrained else nullcontext()
    with without, dataset_names_of(cfg):
        runner = RUNNERS.build(cfg) if 'runner_type' in cfg else QuietRunner.from_cfg(cfg)
    # mmengine calls hooks only when a run begins, after data was read.
    for hook in getattr(runner, 'hooks', ()):
        if hasattr(hook, 'after_build'):
            hook.after_build(runner)
    return runner


def train(cfg: Config, skip_pretrained: bool) -> None:
    """Build the runner of a config and train.

    Args:
        cfg (Config): After :func:`set_resume` or :func:`protect_results`.
        skip_pretrained (bool): See :func:`build_runner`.

    Raises:
        RunError: For errors that the user can fix; if the disk is full or the work directory
            cannot be written, with what continues the run.
    """
    try:
        with readable_errors():
            runner = build_runner(cfg, skip_pretrained)
            check_datasets(runner, 'train_loop', 'val_loop')
            runner.train()
    except OSError as error:
        checkpoint = last_checkpoint(cfg.work_dir)
        continues = (
            f' The same command with --resume continues from {checkpoint}.' if checkpoint else ''
        )
        raise RunError(f'{describe_os_error(error)}{continues}') from error
    finally:
        release_work_dir(cfg.work_dir)


def test(cfg: Config) -> None:
    """Build the runner of a config and test the checkpoint in ``load_from``.

    Raises:
        RunError: For errors that the user can fix.
    """
    with readable_errors():
        runner = build_runner(cfg, skip_pretrained=True)
        check_datasets(runner, 'test_loop')
        runner.test()


def say_how_to_resume(work_dir: str) -> None:
    """Print the command that continues a run, after Ctrl-C."""
    if not is_main_process():
        return
    checkpoint = last_checkpoint(work_dir)
    if checkpoint is None:
        print('\nInterrupted before the first checkpoint, so there is nothing to resume.')
        return
    words = [word for word in sys.argv if word != '--overwrite']
    if '--resume' not in words:
        words.append('--resume')
    print(f'\nInterrupted. To continue from {checkpoint}:\n  {shlex.join(["python", *words])}')
