"""The folder that a run is continued from."""

import json
from pathlib import Path

import torch

from mmtadp.utils.atomic_files import write_file, write_json, write_text
from mmtadp.utils.json_lines import DamagedLineError, JsonLines
from mmtadp.utils.tensor_files import read_tensors

from ..errors import RunError
from .interruption import check_same_settings


class RunFolder:
    """The files next to a run's result: ``checkpoint.pt``, ``settings.json``, ``log.jsonl``.

    Args:
        out (str): The folder.
        identity (dict): The settings that determine the course of the run.
        overwrite (bool): Forget an earlier run.

    Raises:
        RunError: If there is a run with another identity.
    """

    def __init__(self, out: str, identity: dict, overwrite: bool) -> None:
        self.path = Path(out)
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f'--out {out} is a file; name a folder.')
        self._checkpoint = self.path / 'checkpoint.pt'
        self._log = JsonLines(self.path / 'log.jsonl', sync=False)
        settings = self.path / 'settings.json'
        if overwrite:
            self._checkpoint.unlink(missing_ok=True)
        if self._checkpoint.exists():
            check_same_settings(identity, json.loads(settings.read_text()), str(settings))
        self._identity = identity

    def load(self) -> dict | None:
        """Return the last checkpoint, or None."""
        if not self._checkpoint.exists():
            return None
        again = 'Start again with --overwrite'
        return read_tensors(self._checkpoint, '--out', again, remedy=again)

    def start(self, step: int) -> None:
        """Write the settings, and remove the log's entries after this step."""
        kept = ''.join(json.dumps(line) + '\n' for line in self.log() if line['step'] <= step)
        write_text(self._log.path, kept)
        write_json(self.path / 'settings.json', self._identity)

    def save(self, state: dict) -> None:
        """Replace the checkpoint."""
        write_file(self._checkpoint, lambda path: torch.save(state, path))

    def log(self) -> list[dict]:
        """Return the logged steps: ``step``, ``loss``, and other logged values.

        Raises:
            RunError: If a line of the log is damaged.
        """
        try:
            return self._log.read()
        except DamagedLineError as error:
            raise RunError(str(error)) from error

    def append(self, **values: float) -> None:
        """Log a step."""
        self._log.append(values)
