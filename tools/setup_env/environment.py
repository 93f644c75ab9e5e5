"""A virtual environment that is made in steps, each run only when it is due."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, TextIO

from interpreter import SetupError, examine, find_python

ROOT = Path(__file__).resolve().parents[2]


class Step(NamedTuple):
    """A part of set-up.

    Attributes:
        name (str): Of its stamp and log.
        title (str): What it does.
        takes (str): How long it usually takes.
        hint (str): What to try when it fails.
        key (dict): All it depends on, as JSON.
        commands (Callable): Takes the key it last ran with, or None; returns what to run.
    """

    name: str
    title: str
    takes: str
    hint: str
    key: Dict
    commands: Callable[[Optional[Dict]], List[List[str]]]


class Environment:
    """A virtual environment.

    Args:
        folder (Path): Its folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / 'setup'
        self.python = str(folder / 'bin' / 'python')

    def make(self) -> None:
        """Makes the environment, or takes the one that is there.

        Raises:
            SetupError: If it is there, but of another version than the Python that is named, or
                is not one of ours and does not work.
        """
        origin = self.state / 'origin'
        here = str(self.folder.resolve())
        ours = origin.is_file()
        moved = ours and origin.read_text() != here
        if moved or not self._works():
            if self.folder.exists() and not ours:
                raise SetupError(
                    f'{self.folder} is there, but is no environment that can be used, and was not '
                    'made by this program: move it away or remove it.'
                )
            base = find_python()
            print(f'Making {self.folder} with {base} (a few seconds)', flush=True)
            shutil.rmtree(self.folder, ignore_errors=True)
            self._write_origin(origin, here)
            log = self.state / 'venv.log'
            with open(log, 'w', encoding='utf-8') as stream:
                if _call([base, '-m', 'venv', str(self.folder)], stream, time.monotonic()):
                    raise SetupError(
                        f'{base} could not make {self.folder}, see {log}: name another Python, '
                        'e.g. make test PYTHON=/path/to/python3.11'
                    )
        elif os.environ.get('PYTHON'):
            version, named = examine(self.python)[0], examine(find_python())[0]
            if version != named:
                raise SetupError(
                    f'{self.folder} is of Python {version}, PYTHON names {named}: remove '
                    f'{self.folder} first, or leave PYTHON out.'
                )
        self._write_origin(origin, here)

    def _write_origin(self, origin: Path, here: str) -> None:
        origin.parent.mkdir(parents=True, exist_ok=True)
        origin.write_text(here)

    def _works(self) -> bool:
        if not os.path.exists(self.python) or examine(self.python)[1]:
            return False
        pip = [self.python, '-c', 'import pip']
        return subprocess.run(pip, stderr=subprocess.DEVNULL).returncode == 0

    def run(self, step: Step) -> None:
        """Runs a step if what it depends on has changed since it last succeeded.

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
            for command in step.commands(last):
                if _call(command, stream, started):
                    raise SetupError(_describe_failure(step, log))
        print(f'  done in {time.monotonic() - started:.0f} s', flush=True)
        stamp = self._stamp(step.name)
        new = stamp.with_suffix('.new')
        new.write_text(json.dumps(step.key, indent=1))
        os.replace(new, stamp)

    def last_run(self, name: str) -> Optional[Dict]:
        """The key that a step last succeeded with, or None."""
        stamp = self._stamp(name)
        return json.loads(stamp.read_text()) if stamp.is_file() else None

    def forget_run(self, name: str) -> None:
        """Makes a step due."""
        self._stamp(name).unlink(missing_ok=True)

    def ask(self, *command: str) -> str:
        """What the environment's Python prints, run with some arguments; '' if it fails."""
        answer = subprocess.run([self.python, *command], capture_output=True, text=True)
        return '' if answer.returncode else answer.stdout.strip()

    def _stamp(self, name: str) -> Path:
        return self.state / f'{name}.json'

    def _forget_half_installed(self) -> None:
        """Makes pip install again what it was installing when it was interrupted.

        It writes RECORD last, but takes a package without one for installed.
        """
        for info in self.folder.glob('lib/python*/site-packages/*.dist-info'):
            if not ((info / 'RECORD').is_file() and (info / 'INSTALLER').is_file()):
                shutil.rmtree(info)
        for moved_away in self.folder.glob('lib/python*/site-packages/~*'):
            shutil.rmtree(moved_away)


def _call(command: List[str], stream: TextIO, started: float) -> int:
    """Runs a command with its output in a log; says every minute that it still does."""
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
                print(f'  at it for {minutes:.0f} min, see {stream.name}', flush=True)
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
