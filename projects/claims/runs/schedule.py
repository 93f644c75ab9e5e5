"""Run several worker processes at once, until all runs are done or a signal arrives."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mmtadp.utils.resumable import defer_signals

from .claims_settings import ClaimsSettings
from .configuration import folder_of
from .run_plan import Run

_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 20
LOG = 'claims.log'


@dataclass
class Outcome:
    """How a schedule ended.

    Attributes:
        done (int): Number of finished runs.
        failed (list[Run]): Runs that failed, and runs that test the model of a failed run.
        signal (int, optional): Signal that interrupted the schedule.
    """

    done: int
    failed: list[Run]
    signal: int | None

    @property
    def exit_code(self) -> int:
        """0, 1 if a run failed, 128 + signal if interrupted."""
        return 128 + self.signal if self.signal else int(bool(self.failed))


_WORKER = Path(__file__).resolve().parents[1] / 'tools' / 'worker.py'


class _Child:
    def __init__(self, run: Run, settings: ClaimsSettings) -> None:
        self.run, self.started = run, time.monotonic()
        self.log = folder_of(run.trained, settings) / LOG
        self.log.parent.mkdir(parents=True, exist_ok=True)
        # OpenMP reads both when torch is imported. Without the spin count, threads that wait for
        # others take the cores from other runs.
        environment = {'GOMP_SPINCOUNT': '1000', 'TOKENIZERS_PARALLELISM': 'false', **os.environ}
        if settings.threads:
            environment['OMP_NUM_THREADS'] = str(settings.threads)
        command = [sys.executable, str(_WORKER), settings.to_json()]
        with self.log.open('w') as log:
            self.process = subprocess.Popen(
                [*command, json.dumps(asdict(run))],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                # Ctrl-C reaches the parent alone, which then ends its workers.
                start_new_session=True,
            )

    def stop(self) -> None:
        """Terminate the process; kill it if it does not end in time."""
        self.process.terminate()
        try:
            self.process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run_all(
    runs: Sequence[Run], settings: ClaimsSettings, jobs: int, say: Callable[[str], None] = print
) -> Outcome:
    """Execute runs in their order, ``jobs`` at once.

    A run that tests the model of another run starts after that run. SIGINT and SIGTERM end the
    processes: unfinished runs are lost, finished ones are in the results file.

    Args:
        runs (Sequence[Run]): The missing runs.
        settings (ClaimsSettings): Settings of all runs.
        jobs (int): Number of processes at once.
        say (Callable): Receives a line for each finished run.

    Returns:
        Outcome: Numbers of done and failed runs.
    """
    waiting, children = list(runs), []
    outcome, started = Outcome(0, [], None), time.monotonic()
    with defer_signals() as asked:
        try:
            while (waiting or children) and not asked:
                _drop_orphans(waiting, outcome, say)
                while len(children) < jobs and (run := _next(waiting, children)):
                    waiting.remove(run)
                    children.append(_Child(run, settings))
                time.sleep(_POLL_SECONDS)
                for child in [c for c in children if c.process.poll() is not None]:
                    children.remove(child)
                    _note(child, outcome)
                    left = len(waiting) + len(children)
                    say(_line(child, outcome, left, len(runs), started))
        finally:
            for child in children:
                child.stop()
    outcome.signal = asked[0] if asked and (waiting or children) else None
    return outcome


def _next(waiting: Sequence[Run], children: Sequence[_Child]) -> Run | None:
    """Return the first run whose model no other process trains or tests."""
    busy = {child.run.trained for child in children}
    ahead: set[Run] = set()
    for run in waiting:
        if run.trained not in busy and (run == run.trained or run.trained not in ahead):
            return run
        ahead.add(run)
    return None


def _drop_orphans(waiting: list[Run], outcome: Outcome, say: Callable[[str], None]) -> None:
    for run in [run for run in waiting if run != run.trained and run.trained in outcome.failed]:
        waiting.remove(run)
        outcome.failed.append(run)
        say(f'FAILED {run.key}: it tests the model of {run.trained.key}, which failed')


def _note(child: _Child, outcome: Outcome) -> None:
    if child.process.returncode:
        outcome.failed.append(child.run)
    else:
        outcome.done += 1


def _line(child: _Child, outcome: Outcome, left: int, total: int, started: float) -> str:
    now = time.monotonic()
    ended = total - left
    elapsed = now - started
    text = f'[{ended}/{total}] {child.run.key}: {duration(now - child.started)}'
    if child.process.returncode:
        text = f'FAILED {text}, exit code {child.process.returncode}, see {child.log}'
    rest = duration(elapsed / ended * left)
    return f'{text}; elapsed {duration(elapsed)}, remaining about {rest}'


def duration(seconds: float) -> str:
    """Format a duration, for example ``1:05 h`` or ``2.5 min``."""
    minutes = seconds / 60
    return f'{minutes:.1f} min' if minutes < 60 else f'{int(minutes // 60)}:{minutes % 60:02.0f} h'


def default_jobs(threads: int, cuda: bool) -> int:
    """Return the number of runs at once: one on a GPU, on a CPU as many as its cores allow."""
    return 1 if cuda else max(1, available_cores() // max(1, threads))


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
