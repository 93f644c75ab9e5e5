"""Files that appear whole or not at all, and what a run is continued from."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from mmtadp.captioning.errors import CaptioningError
from mmtadp.captioning.provenance import check_same_settings
from mmtadp.tensor_files import read_tensors

from .errors import PersonalizationError


def write_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Writes a file beside its place, and moves it there once it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f'.{path.stem}.new{path.suffix}')
    write(new)
    with open(new, 'rb+') as file:
        os.fsync(file.fileno())
    os.replace(new, path)


def write_folder(path: Path, write: Callable[[Path], Any]) -> None:
    """As :func:`write_file`; the old folder goes when the new one is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new, old = (path.with_name(f'.{path.name}.{age}') for age in ('new', 'old'))
    for folder in (new, old):
        shutil.rmtree(folder, ignore_errors=True)
    write(new)
    if path.exists():
        os.replace(path, old)
    os.replace(new, path)
    shutil.rmtree(old, ignore_errors=True)


class RunFolder:
    """What a run keeps beside its result: ``checkpoint.pt``, ``settings.json``, ``log.jsonl``.

    Args:
        out (str): The folder.
        identity (dict): What the course of the run depends on.
        overwrite (bool): Forget an earlier run.

    Raises:
        PersonalizationError: If there is a run with another identity.
    """

    def __init__(self, out: str, identity: dict, overwrite: bool) -> None:
        self.path = Path(out)
        if self.path.exists() and not self.path.is_dir():
            raise PersonalizationError(f'--out {out} is a file; name a folder.')
        self._checkpoint = self.path / 'checkpoint.pt'
        self._log = self.path / 'log.jsonl'
        settings = self.path / 'settings.json'
        if overwrite:
            self._checkpoint.unlink(missing_ok=True)
        if self._checkpoint.exists():
            try:
                check_same_settings(identity, json.loads(settings.read_text()), str(settings))
            except CaptioningError as error:
                raise PersonalizationError(str(error)) from None
        self._identity = json.dumps(identity, indent=2) + '\n'

    def load(self) -> dict | None:
        """The last checkpoint, or None."""
        if not self._checkpoint.exists():
            return None
        return read_tensors(self._checkpoint, '--out', 'Start anew with --overwrite')

    def start(self, step: int) -> None:
        """Writes the settings, and drops from the log what came after this step."""
        kept = ''.join(json.dumps(line) + '\n' for line in self.log() if line['step'] <= step)
        write_file(self._log, lambda path: path.write_text(kept))
        write_file(self.path / 'settings.json', lambda path: path.write_text(self._identity))

    def save(self, state: dict) -> None:
        """Replaces the checkpoint."""
        write_file(self._checkpoint, lambda path: torch.save(state, path))

    def log(self) -> list[dict]:
        """The steps so far: ``step``, ``loss``, and what else was logged."""
        if not self._log.exists():
            return []
        lines = self._log.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith('\n')]

    def append(self, **values: float) -> None:
        """Logs a step."""
        with self._log.open('a') as file:
            file.write(json.dumps(values) + '\n')
