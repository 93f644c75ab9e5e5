"""Which Python to make an environment with."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

VERSIONS = ('3.11', '3.12')
# Compiling mmcv takes the headers.
CHECK = """
import importlib.util, os, sys, sysconfig
missing = [name for name in ('venv', 'ensurepip') if importlib.util.find_spec(name) is None]
if not os.path.isfile(os.path.join(sysconfig.get_paths()['include'], 'Python.h')):
    missing.append('Python.h')
print('.'.join(map(str, sys.version_info[:2])), *missing)
"""
NOT_FOUND = """mmtadp needs Python {versions}, with its venv module and C headers. Looked at:
{looked_at}
Install one, for example with one of
  apt install python3.11 python3.11-venv python3.11-dev
  conda create --name py311 python=3.11
  uv python install 3.11
or name one that you have: make test PYTHON=/path/to/python3.11"""


class SetupError(Exception):
    """Set-up cannot go on; the message says what to do."""


def examine(python: str) -> Tuple[str, str]:
    """What is to be said about an interpreter.

    Args:
        python (str): Path of an executable.

    Returns:
        Tuple[str, str]: Its version, such as '3.11', and why it will not do, or ''.
    """
    check = subprocess.run([python, '-c', CHECK], capture_output=True, text=True)
    version, *missing = check.stdout.split() or ['']
    if check.returncode:
        return version, 'does not run'
    if version not in VERSIONS:
        return version, f'is Python {version}'
    return version, f'is Python {version}, but lacks {", ".join(missing)}' if missing else ''


def find_python() -> str:
    """The interpreter that PYTHON names, or else the first that will do.

    Raises:
        SetupError: If there is none.
    """
    looked_at = []
    for candidate in _candidates():
        path = shutil.which(candidate)
        if path is None:
            looked_at.append(f'  {candidate}: not found')
            continue
        _, problem = examine(path)
        if not problem:
            return path
        looked_at.append(f'  {path}: {problem}')
    versions = ' or '.join(VERSIONS)
    raise SetupError(NOT_FOUND.format(versions=versions, looked_at='\n'.join(looked_at)))


def _candidates() -> List[str]:
    if os.environ.get('PYTHON'):
        return [os.environ['PYTHON']]
    candidates = [f'python{version}' for version in VERSIONS] + ['python3', 'python']
    # pyenv's own commands run only the versions that it has been told to.
    pyenv = [
        str(path)
        for version in VERSIONS
        for path in Path.home().glob(f'.pyenv/versions/{version}.*/bin/python')
    ]
    return [*candidates, sys.executable, *sorted(pyenv)]
