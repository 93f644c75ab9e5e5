"""Makes a virtual environment with one of the two sets of mm packages, or brings it up to date.

    python3 tools/setup_env onedl .venv               # mmtadp as an editable install
    python3 tools/setup_env openmmlab .venv-upstream  # mmtadp as a wheel

It runs on any Python 3 and looks for one of the versions that mmtadp needs. Variables:

    PYTHON    the interpreter to make the environment with, instead of the first that will do
    TORCH     what pip installs as torch, e.g. TORCH='torch==2.13.0+cu130'; it is remembered
    MAX_JOBS  compiler processes that build mmcv, instead of one per core

Each step leaves in VENV/setup a log and a stamp with all that the step depends on. A step whose
stamp is up to date is skipped, so that a second start takes neither time nor network.
"""

import argparse
import fcntl
import os
import signal
import sys
from pathlib import Path

from environment import ROOT, Environment, SetupError
from steps import steps


def lock(folder: Path) -> int:
    """Waits until no other set-up runs in a folder; the lock lasts as long as this process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print('Waiting for another set-up in this folder to end.', flush=True)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def interrupt(*args) -> None:
    """Handles SIGTERM as Ctrl-C."""
    raise KeyboardInterrupt


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('package_set', choices=('onedl', 'openmmlab'))
    parser.add_argument('venv', type=Path, help='folder of the environment')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    os.chdir(ROOT)
    lock(ROOT)
    try:
        env = Environment(args.venv)
        env.make()
        for step in steps(env, args.package_set):
            env.run(step)
    except SetupError as error:
        sys.exit(f'\n{error}')
    except KeyboardInterrupt:
        print('\nInterrupted. The same command continues with the step it was at.', flush=True)
        sys.exit(130)
    print(f'{args.venv} is up to date.', flush=True)


if __name__ == '__main__':
    main()
