"""What a result depends on, in a few characters."""

import hashlib
import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from projects.shapescenes.generator.writer import MANIFEST

from .configuration import experiment, replace_prefix
from .plan import Run
from .settings import DEFAULT_DATA, Settings

_PARTS = (
    'model',
    'train_dataloader',
    'test_dataloader',
    'test_evaluator',
    'optim_wrapper',
    'param_scheduler',
    'train_cfg',
    'randomness',
    'custom_hooks',
)
_LENGTH = 16


def fingerprint(run: Run, settings: Settings) -> str:
    """A hash of the parts of the config that matter, and of the files they name.

    Where the data and the results are does not matter, nor what is logged.

    Args:
        run (Run): The run.
        settings (Settings): Those of all runs.

    Returns:
        str: 16 hexadecimal digits.

    Raises:
        FileNotFoundError: If a file or folder that the config names is not there.
    """
    config = experiment(run, settings).to_dict()
    parts = {name: config.get(name) for name in _PARTS}
    paths = {text for text in _strings(parts) if text.startswith(f'{DEFAULT_DATA}/')}
    found = {
        name: _content(Path(replace_prefix(name, DEFAULT_DATA, settings.data)))
        for name in sorted(paths)
    }
    text = json.dumps([parts, found], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item)


def _content(path: Path) -> list[str]:
    """Hashes of a file, of the manifest of scenes, or of the weights in a folder.

    Scenes are known by their manifest: the generator gives the same ones each time.
    """
    if path.is_file():
        return [_file_hash(path)]
    if not path.is_dir():
        raise FileNotFoundError(f'{path}, which a config names, is not there')
    if (path / MANIFEST).exists():
        return [_file_hash(path / MANIFEST)]
    return [_file_hash(file) for file in sorted(path.rglob('*.safetensors'))]


def _file_hash(path: Path) -> str:
    state = os.stat(path)
    return _hash(str(path.resolve()), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=None)
def _hash(path: str, _time: int, _size: int) -> str:
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
