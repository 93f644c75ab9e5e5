"""Runs in processes of their own, several at once, until all are done or somebody asks to stop."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mmtadp.utils.resumable import defer_signals

from .configuration import folder_of
from .plan import Run
from .settings import Settings

_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 20
LOG = 'claims.log'


@dataclass
class Outcome:
    """How a schedule ended.

    Attributes:
        done (int): Runs that finished.
        failed (list[Run]): Runs that failed, or whose trained model is missing for that reason.
        signal (int, optional): What asked to stop, if anything did.
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
    def __init__(self, run: Run, settings: Settings) -> None:
        self.run, self.started = run, time.monotonic()
        self.log = folder_of(run.trained, settings) / LOG
        self.log.parent.mkdir(parents=True, exist_ok=True)
        # OpenMP reads it when torch is imported. For the spin count see the tool of ShapeScenes.
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
                # Ctrl-C in a terminal goes to this process alone, which then ends the others.
                start_new_session=True,
            )

    def stop(self) -> None:
        """Asks to end, and waits; what does not is killed."""
        self.process.terminate()
        try:
            self.process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run_all(
    runs: Sequence[Run], settings: Settings, jobs: int, say: Callable[[str], None] = print
) -> Outcome:
    """Makes runs in their order, ``jobs`` at once.

    A run that tests another one's model starts after that one. SIGINT and SIGTERM end the
    processes; what they were at is lost, all that is finished is in the results file.

    Args:
        runs (Sequence[Run]): Those that are missing.
        settings (Settings): Those of all runs.
        jobs (int): Processes at once.
        say (Callable): Takes a line for each finished run.

    Returns:
        Outcome: How it went.
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
    """The first run whose model nobody is about to train, or is working with."""
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
    """Such as ``1:05 h`` or ``2.5 min``."""
    minutes = seconds / 60
    return f'{minutes:.1f} min' if minutes < 60 else f'{int(minutes // 60)}:{minutes % 60:02.0f} h'


def default_jobs(threads: int, cuda: bool) -> int:
    """One run at a time on a GPU, on a CPU as many as fit with so many threads each."""
    return 1 if cuda else max(1, len(os.sched_getaffinity(0)) // max(1, threads))
