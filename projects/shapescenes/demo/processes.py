"""Child processes that run side by side and report their progress."""

import json
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

_SECONDS_TO_STOP = 10


class Job(NamedTuple):
    """A child process.

    Attributes:
        name: Its name in messages.
        command: Program and arguments. The program writes JSON objects, one per line, to standard
            output: ``{"done": 1, "total": 10}`` for progress, ``{"error": "…"}`` for the reason of
            a failure.
        log: File to which standard error is appended.
    """

    name: str
    command: list[str]
    log: Path


class JobError(RuntimeError):
    """A child process failed; the message has the reason and the log file.

    Attributes:
        exit_code: 2 if the user can fix it, 1 if it is unexpected.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Progress:
    """Progress of jobs: a bar each on a terminal, otherwise a line per quarter."""

    def __init__(self, names: Sequence[str]) -> None:
        self._width = max(map(len, names))
        self._positions = {name: i for i, name in enumerate(names)}
        self._bars: dict[str, tqdm] = {}
        self._quarters: dict[str, int] = {}

    def show(self, name: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` steps of a job are done."""
        if not sys.stdout.isatty():
            quarter = 4 * done // total
            if quarter > self._quarters.get(name, 0):
                print(f'      {name:<{self._width}}  {done} of {total}', flush=True)
            self._quarters[name] = quarter
            return
        if name not in self._bars:
            self._bars[name] = tqdm(
                desc=f'      {name:<{self._width}}',
                total=total,
                position=self._positions[name],
                leave=True,
                file=sys.stdout,
                dynamic_ncols=True,
                bar_format='{desc}  {bar:30} {n_fmt}/{total_fmt}  {remaining} left',
            )
        self._bars[name].update(done - self._bars[name].n)

    def close(self) -> None:
        """Leave the bars as they are and continue below them."""
        for bar in self._bars.values():
            bar.close()


def run_jobs(jobs: Sequence[Job], at_once: int) -> None:
    """Run jobs, at most ``at_once`` of them at a time.

    Whatever ends this function early, Ctrl-C included, also ends the child processes.

    Raises:
        JobError: If a job fails. The others are stopped.
    """
    waiting = list(jobs)
    running: dict[str, subprocess.Popen] = {}
    messages: queue.Queue = queue.Queue()
    progress = Progress([job.name for job in jobs])
    reasons: dict[str, str] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                running[job.name] = _start(job, messages)
            job, line = messages.get()
            if line is None:
                code = running.pop(job.name).wait()
                if code:
                    reason = reasons.get(job.name) or _guess_reason(code, job.log)
                    message = f'{job.name}: {reason}\nFull output: {job.log}'
                    raise JobError(message, exit_code=2 if job.name in reasons else 1)
                continue
            message = json.loads(line)
            if 'error' in message:
                reasons[job.name] = message['error']
            else:
                progress.show(job.name, message['done'], message['total'])
    finally:
        progress.close()
        _stop(running.values())


def _start(job: Job, messages: queue.Queue) -> subprocess.Popen:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open('a') as log:
        # A session of its own: Ctrl-C on the terminal reaches the parent only, which stops all.
        process = subprocess.Popen(
            job.command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )

    def read() -> None:
        for line in process.stdout:
            messages.put((job, line))
        messages.put((job, None))

    threading.Thread(target=read, daemon=True).start()
    return process


def _stop(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _guess_reason(code: int, log: Path) -> str:
    if code < 0:
        return f'ended by signal {-code} ({signal.Signals(-code).name})'
    lines = [line.strip() for line in log.read_text(errors='replace').splitlines()]
    return next((line for line in reversed(lines) if line), f'ended with exit code {code}')
