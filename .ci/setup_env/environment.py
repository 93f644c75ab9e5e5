"""A virtual environment that is made in steps; a step runs only when it is due."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TextIO

from interpreter import SetupError, examine, find_python

ROOT = Path(__file__).resolve().parents[2]


class Step(NamedTuple):
    """A part of set-up.

    Attributes:
        name (str): Name of its stamp and log.
        title (str): What the step does.
        takes (str): How long it usually takes.
        hint (str): What to try when it fails.
        key (dict): Everything it depends on, as JSON.
        commands (Callable): Takes whether the step has succeeded before; returns the commands.
    """

    name: str
    title: str
    takes: str
    hint: str
    key: dict
    commands: Callable[[bool], list[list[str]]]


class Environment:
    """A virtual environment.

    Args:
        folder (Path): Its folder.
        operators (bool): Whether mmcv's compiled operators are wanted. An environment that has
            them keeps them.
    """

    def __init__(self, folder: Path, operators: bool) -> None:
        self.folder = folder
        self.state = folder / 'setup'
        self.python = str(folder / 'bin' / 'python')
        self.operators = operators or any(self._packages('mmcv/_ext*'))

    def make(self) -> None:
        """Make the environment, or take the existing one.

        Raises:
            SetupError: If the existing one has another version than the Python that is named, or
                neither works nor was made by this program.
        """
        origin = self.state / 'origin'
        here = str(self.folder.resolve())
        ours = origin.is_file()
        moved = ours and origin.read_text() != here
        if moved or not self._works():
            if self.folder.exists() and not ours:
                raise SetupError(
                    f'{self.folder} is not a usable environment, and was not made by this '
                    'program: move it away or remove it.'
                )
            base = find_python(self.operators)
            print(f'Making {self.folder} with {base} (a few seconds)', flush=True)
            shutil.rmtree(self.folder, ignore_errors=True)
            self._write_origin(origin, here)
            log = self.state / 'venv.log'
            with open(log, 'w', encoding='utf-8') as stream:
                if _call([base, '-m', 'venv', str(self.folder)], stream, time.monotonic()):
                    raise SetupError(
                        f'{base} could not make {self.folder}, see {log}: name another Python, '
                        'e.g. make demo PYTHON=/path/to/python3.11'
                    )
        elif os.environ.get('PYTHON'):
            version = examine(self.python, False)[0]
            named = examine(find_python(self.operators), False)[0]
            if version != named:
                raise SetupError(
                    f'{self.folder} is of Python {version}, PYTHON names {named}: remove '
                    f'{self.folder} first, or leave PYTHON out.'
                )
        self._write_origin(origin, here)

    def run(self, step: Step) -> None:
        """Run a step if what it depends on has changed since it last succeeded.

        Raises:
            SetupError: If it fails.
        """
        last = self.last_run(step.name)
        if last == step.key:
            return
        print(f'{step.title} (usually {step.takes})', flush=True)
        self._forget_half_installed()
        log = self.state / f'{step.name}.log'
        started = time.monotonic()
        with open(log, 'w', encoding='utf-8') as stream:
            for command in step.commands(last is not None):
                if _call(command, stream, started):
                    raise SetupError(_describe_failure(step, log))
        print(f'  done in {time.monotonic() - started:.0f} s', flush=True)
        new = self._stamp(step.name).with_suffix('.new')
        new.write_text(json.dumps(step.key, indent=1))
        os.replace(new, self._stamp(step.name))

    def last_run(self, name: str) -> dict | None:
        """Return the key that a step last succeeded with, or None."""
        stamp = self._stamp(name)
        return json.loads(stamp.read_text()) if stamp.is_file() else None

    def forget_run(self, name: str) -> None:
        """Make a step due."""
        self._stamp(name).unlink(missing_ok=True)

    def ask(self, *command: str) -> str:
        """Return what the environment's Python prints for some arguments; '' if it fails."""
        answer = subprocess.run([self.python, *command], capture_output=True, text=True)
        return '' if answer.returncode else answer.stdout.strip()

    def _works(self) -> bool:
        works = os.path.exists(self.python) and not examine(self.python, self.operators)[1]
        return works and bool(self.ask('-c', 'import pip; print(pip)'))

    def _write_origin(self, origin: Path, here: str) -> None:
        origin.parent.mkdir(parents=True, exist_ok=True)
        origin.write_text(here)

    def _stamp(self, name: str) -> Path:
        return self.state / f'{name}.json'

    def _packages(self, pattern: str) -> list[Path]:
        return list(self.folder.glob(f'lib/python*/site-packages/{pattern}'))

    def _forget_half_installed(self) -> None:
        """Make pip repeat an installation that was interrupted.

        pip writes RECORD last, but takes a package without one for installed.
        """
        half = [
            info
            for info in self._packages('*.dist-info')
            if not ((info / 'RECORD').is_file() and (info / 'INSTALLER').is_file())
        ]
        for folder in [*half, *self._packages('~*')]:
            shutil.rmtree(folder)


def _call(command: list[str], stream: TextIO, started: float) -> int:
    """Run a command with its output in a log; print a line for each minute it takes."""
    env = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK='1', PIP_NO_INPUT='1')
    env['MAX_JOBS'] = os.environ.get('MAX_JOBS') or str(os.cpu_count())
    options = dict(stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)
    process = subprocess.Popen(command, cwd=ROOT, env=env, **options)
    try:
        while True:
            try:
                return process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                minutes = (time.monotonic() - started) / 60
                print(f'  running for {minutes:.0f} min, see {stream.name}', flush=True)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _describe_failure(step: Step, log: Path) -> str:
    lines = log.read_text(encoding='utf-8', errors='replace').splitlines()[-15:]
    return (
        '\n'.join(f'  | {line}' for line in lines)
        + f'\n\nThis step failed: {step.title}.\nWhat to try: {step.hint}.\n'
        f'The whole log is {log}. The same command continues with this step.'
    )
