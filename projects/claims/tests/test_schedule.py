"""Processes of runs: what fails, what is stopped, what depends on what."""

import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from projects.claims.runs import schedule
from projects.claims.runs.run_plan import Run
from projects.claims.runs.schedule import default_jobs, duration, run_all

A, B, BLURRED = Run('a', 0), Run('b', 0), Run('a', 0, blur=1)
_DO = {'ok': 'pass', 'fail': 'raise SystemExit(3)', 'wait': 'import time; time.sleep(60)'}


@pytest.fixture
def processes(monkeypatch):
    """Puts short scripts in the place of runs, by key; returns what was started."""
    started, scripts = [], {}
    popen = subprocess.Popen

    def start(command, **options):
        run = Run(**schedule.json.loads(command[-1]))
        process = popen([sys.executable, '-c', _DO[scripts.get(run.key, 'ok')]], **options)
        started.append((run, options['env'], process))
        return process

    monkeypatch.setattr(schedule.subprocess, 'Popen', start)
    return SimpleNamespace(started=started, scripts=scripts)


def test_all_run_and_each_says_a_line(settings, processes):
    lines = []
    outcome = run_all([A, BLURRED, B], settings, 2, lines.append)
    assert (outcome.done, outcome.failed, outcome.exit_code) == (3, [], 0)
    # The blurred test waits for the model, B does not.
    assert [run for run, *_ in processes.started] == [A, B, BLURRED]
    assert {env['OMP_NUM_THREADS'] for _, env, _ in processes.started} == {'1'}
    assert {env['GOMP_SPINCOUNT'] for _, env, _ in processes.started} == {'1000'}
    assert len(lines) == 3 and lines[-1].startswith('[3/3] a-blur1-seed0: ')
    assert 'elapsed' in lines[0] and 'remaining about' in lines[0]


def test_others_go_on_after_a_failure(settings, processes, tmp_path):
    processes.scripts[A.key] = 'fail'
    lines = []
    outcome = run_all([A, BLURRED, B], settings, 1, lines.append)
    assert outcome.done == 1 and set(outcome.failed) == {A, BLURRED} and outcome.exit_code == 1
    assert [run for run, *_ in processes.started] == [A, B]
    failure = next(line for line in lines if A.key in line)
    assert failure.startswith('FAILED') and 'exit code 3' in failure
    log = tmp_path / 'work_dirs' / A.key / 'claims.log'
    assert str(log) in failure and log.exists()
    assert any(line.startswith(f'FAILED {BLURRED.key}: it tests the model of') for line in lines)


@pytest.mark.parametrize(('number', 'code'), ((signal.SIGINT, 130), (signal.SIGTERM, 143)))
def test_a_signal_ends_what_runs(settings, processes, number, code):
    processes.scripts[B.key] = 'wait'

    def send():
        while len(processes.started) < 2:
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(os.getpid(), number)

    threading.Thread(target=send).start()
    outcome = run_all([A, B, Run('c', 0)], settings, 1, lambda line: None)
    assert outcome.exit_code == code and outcome.done == 1
    assert [run for run, *_ in processes.started] == [A, B]
    assert processes.started[-1][-1].returncode == -signal.SIGTERM


def test_jobs_and_durations(monkeypatch):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: set(range(6)))
    found = [default_jobs(*a) for a in ((1, False), (4, False), (9, False), (0, True))]
    assert found == [6, 1, 1, 1]
    assert duration(150) == '2.5 min' and duration(3900) == '1:05 h'
