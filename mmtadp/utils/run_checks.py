"""Checks before a run, and one message for errors in it that a user can fix."""

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.config import Config
from mmengine.runner import Runner

from .errors import RunError

_WORKER = re.compile(r'Caught \w+ in DataLoader worker process \d+\.\n')
# The last line of a traceback that is not of a frame: "package.SomeError: message".
_LAST_LINE = re.compile(r'^([\w.]+): (.*)', re.MULTILINE | re.DOTALL)


@contextmanager
def readable_errors() -> Iterator[None]:
    """Raise :class:`RunError` for errors whose cause is the config or the machine.

    - What a worker process reports as an error that a user can fix, without its traceback.
    - A type that is not registered, or an argument that it does not have, in the config. Errors
      inside a module that a config names keep their traceback.

    Raises:
        RunError: See above. All other errors pass.
    """
    try:
        yield
    except (RunError, OSError) as error:
        message = _of_worker(str(error))
        if message is None:
            raise
        raise RunError(message) from error
    except (KeyError, TypeError) as error:
        if not _is_of_config(error):
            raise
        raise RunError(f'the config cannot be built: {error.args[0]}') from error


def _is_of_config(error: Exception) -> bool:
    """Return whether a type or an argument in a config is wrong, not the code of a module."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    if last.name == 'build_from_cfg':
        return True
    passed_on = last.name == '__init__' and 'super().__init__(' in (last.line or '')
    return passed_on and 'keyword argument' in str(error)


def _of_worker(message: str) -> str | None:
    """Return the message of the error that a worker process had, or None."""
    if not _WORKER.match(message):
        return None
    lines = message.splitlines(keepends=True)
    last = max((i for i, line in enumerate(lines) if line.startswith(' ')), default=0)
    rest = ''.join(lines[last + 1 :]).strip()
    found = _LAST_LINE.match(rest)
    return found.group(2) if found else rest


# Smallest value by key; a config need not have the key.
_INTEGERS = {
    'train_cfg.max_iters': 1,
    'train_cfg.max_epochs': 1,
    'train_cfg.val_interval': 1,
    'train_cfg.val_begin': 0,
    'optim_wrapper.accumulative_counts': 1,
    **{
        f'{part}_dataloader.{key}': smallest
        for part in ('train', 'val', 'test')
        for key, smallest in (('batch_size', 1), ('num_workers', 0))
    },
}


# What a training needs next to a model.
_TRAINING = ('train_dataloader', 'train_cfg', 'optim_wrapper')


def check_settings(cfg: Config) -> None:
    """Check that a config has a model, all or none of a training's parts, and usable numbers.

    Raises:
        RunError: If a part is missing, or a number is not an integer or too small.
    """
    missing = [key for key in _TRAINING if cfg.get(key) is None]
    if cfg.get('model') is None:
        raise RunError('the config has no `model`; is it a part that other configs inherit?')
    if 0 < len(missing) < len(_TRAINING):
        raise RunError(f'the config has no {" and no ".join(f"`{key}`" for key in missing)}.')
    for key, smallest in _INTEGERS.items():
        value, *names = cfg, *key.split('.')
        for name in names:
            value = value.get(name) if isinstance(value, (Config, dict)) else None
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int) or value < smallest
        ):
            raise RunError(f'{key}={value!r} must be an integer of at least {smallest}.')


def check_datasets(runner: Runner, *loops: str) -> None:
    """Build the loops of a runner, and check that each dataset fills a batch.

    Args:
        runner (Runner): The runner.
        *loops (str): Its attributes ``train_loop``, ``val_loop`` or ``test_loop``; None is left
            out.

    Raises:
        RunError: If a dataset is empty, or has fewer images than a batch and ``drop_last`` is set.
    """
    for name in loops:
        loader = getattr(getattr(runner, name, None), 'dataloader', None)
        if loader is None:
            continue
        part = name.replace('loop', 'dataloader')
        dataset = loader.dataset
        if len(dataset) == 0:
            looked = [
                f'{key}={value!r}'
                for key in ('data_root', 'data_prefix', 'ann_file', 'img_suffix')
                if (value := getattr(dataset, key, None))
            ]
            raise RunError(
                f'{part}: {type(dataset).__name__} has no images ({", ".join(looked)}).'
            )
        if len(loader) == 0:
            raise RunError(
                f'{part}: {type(dataset).__name__} has {len(dataset)} images, less than one batch '
                f'(batch_size={loader.batch_size or loader.batch_sampler.batch_size} in each '
                'process), and drop_last=True leaves out the rest. Set a smaller '
                'batch_size, or drop_last=False.'
            )
