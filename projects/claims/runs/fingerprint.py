"""A hash of everything that a result depends on."""

import hashlib
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from projects.shapescenes.generator.writer import MANIFEST

from .claims_settings import DEFAULT_DATA, ClaimsSettings
from .configuration import experiment, replace_prefix
from .run_plan import Run

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


def fingerprint(run: Run, settings: ClaimsSettings) -> str:
    """Return a hash of the relevant parts of a run's config and of the files they name.

    It does not depend on the folders of the data and the results, nor on logging.

    Args:
        run (Run): The run.
        settings (ClaimsSettings): Settings of all runs.

    Returns:
        str: 16 hexadecimal digits.

    Raises:
        FileNotFoundError: If a file or folder that the config names does not exist.
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
    """Return hashes of a file, of the manifest of scenes, or of the weights in a folder.

    The manifest identifies the scenes: the generator renders the same pixels each time.
    """
    if path.is_file():
        return [_file_hash(path)]
    if not path.is_dir():
        raise FileNotFoundError(f'{path} does not exist, but a config names it')
    if (path / MANIFEST).exists():
        return [_file_hash(path / MANIFEST)]
    return [_file_hash(file) for file in sorted(path.rglob('*.safetensors'))]


def _file_hash(path: Path) -> str:
    state = os.stat(path)
    return _hash(str(path.resolve()), state.st_mtime_ns, state.st_size)


@cache
def _hash(path: str, _time: int, _size: int) -> str:
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
