"""Make a virtual environment with one of the two sets of mm packages, or bring it up to date.

    python3 .ci/setup_env onedl .venv               # segmentation and depth; no compiler
    python3 .ci/setup_env onedl .venv --operators   # detection as well: compiles mmcv's operators
    python3 .ci/setup_env openmmlab .venv-upstream  # always with the operators

With onedl, mmtadp is an editable install; with openmmlab it is a wheel. The program runs on any
Python 3 and looks for a version that mmtadp supports. Variables:

    PYTHON    the interpreter of the environment, instead of the first suitable one
    TORCH     what pip installs as torch, e.g. TORCH='torch==2.13.0+cu130'; it is remembered
    MAX_JOBS  number of compiler processes, instead of one per core

Each step writes a log and a stamp into VENV/setup. The stamp holds everything the step depends on;
a step whose stamp is up to date is skipped, so a second start takes neither time nor network.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
from pathlib import Path

from environment import ROOT, Environment
from interpreter import SetupError
from steps import steps


def lock(folder: Path) -> None:
    """Wait until no other set-up runs in a folder; the lock lasts as long as this process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print('Waiting for another set-up in this folder to end.', flush=True)
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def interrupt(*args) -> None:
    """Handle SIGTERM as Ctrl-C."""
    raise KeyboardInterrupt


def main() -> None:
    """Run the steps that are due."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('package_set', choices=('onedl', 'openmmlab'))
    parser.add_argument('venv', type=Path, help='folder of the environment')
    parser.add_argument(
        '--operators',
        action='store_true',
        help="compile mmcv's operators, which mmdet needs; an environment keeps those it has",
    )
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    os.chdir(ROOT)
    lock(ROOT)
    try:
        operators = args.operators or args.package_set == 'openmmlab'
        env = Environment(args.venv, operators)
        env.make()
        for step in steps(env, args.package_set):
            env.run(step)
    except SetupError as error:
        sys.exit(f'\n{error}')
    except KeyboardInterrupt:
        print('\nInterrupted. The same command continues with the interrupted step.', flush=True)
        sys.exit(130)
    print(f'{args.venv} is up to date.', flush=True)


if __name__ == '__main__':
    main()
