"""The Python to make an environment with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSIONS = ('3.11', '3.12')
CHECK = """
import importlib.util, os, sys, sysconfig
missing = [name for name in ('venv', 'ensurepip') if importlib.util.find_spec(name) is None]
if not os.path.isfile(os.path.join(sysconfig.get_paths()['include'], 'Python.h')):
    missing.append('Python.h')
print('.'.join(map(str, sys.version_info[:2])), *missing)
"""
NOT_FOUND = """mmtadp needs Python {versions} with {parts}. Looked at:
{looked_at}
Install one, for example with one of
  apt install python3.11 python3.11-venv python3.11-dev
  conda create --name py311 python=3.11
  uv python install 3.11
or name an installed one: make {goal} PYTHON=/path/to/python3.11"""


class SetupError(Exception):
    """Set-up cannot continue; the message names the way out."""


def examine(python: str, headers: bool) -> tuple[str, str]:
    """Return an interpreter's version, such as '3.11', and why it is unsuitable, or ''.

    Args:
        python (str): Path of an executable.
        headers (bool): Whether its C headers are needed, as for compiling mmcv's operators.
    """
    check = subprocess.run([python, '-c', CHECK], capture_output=True, text=True)
    version, *missing = check.stdout.split() or ['']
    missing = [part for part in missing if headers or part != 'Python.h']
    if check.returncode:
        return version, 'does not run'
    if version not in VERSIONS:
        return version, f'is Python {version}'
    return version, f'is Python {version}, but lacks {", ".join(missing)}' if missing else ''


def find_python(headers: bool) -> str:
    """Return the interpreter that PYTHON names, or else the first suitable one.

    Args:
        headers (bool): See :func:`examine`.

    Raises:
        SetupError: If none is suitable.
    """
    named = os.environ.get('PYTHON')
    # pyenv's own commands run only the versions that it was configured for.
    pyenv = Path.home().glob('.pyenv/versions/*/bin/python')
    candidates = [f'python{version}' for version in VERSIONS] + ['python3', 'python']
    candidates += [sys.executable, *sorted(map(str, pyenv))]
    looked_at = []
    for candidate in [named] if named else candidates:
        path = shutil.which(candidate)
        problem = examine(path, headers)[1] if path else 'not found'
        if not problem:
            return path
        looked_at.append(f'  {path or candidate}: {problem}')
    raise SetupError(
        NOT_FOUND.format(
            versions=' or '.join(VERSIONS),
            parts='its venv module' + (' and C headers' if headers else ''),
            looked_at='\n'.join(looked_at),
            goal='test' if headers else 'demo',
        )
    )
