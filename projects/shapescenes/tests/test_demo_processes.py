import os
import sys

import pytest

from projects.shapescenes.demo import processes
from projects.shapescenes.demo.processes import Job, JobError, run_jobs


def job(tmp_path, name: str, code: str) -> Job:
    code = f'import os, sys, time\nfrom pathlib import Path\nd = Path({str(tmp_path)!r})\n{code}'
    return Job(name, [sys.executable, '-c', code], tmp_path / f'{name}.log')


# Each waits for the other, so they end only if they run at the same time.
MEET = '(d / "{0}").touch()\nwhile not (d / "{1}").exists(): time.sleep(0.01)'
ALONE = 'assert not (d / "x").exists()\n(d / "x").touch()\ntime.sleep(0.2)\n(d / "x").unlink()'
PROGRESS = 'for i in range(1, 1001): print(f\'{{"done": {i}, "total": 1000}}\')'


def test_jobs_run_side_by_side_or_one_after_the_other(tmp_path):
    run_jobs([job(tmp_path, 'a', MEET.format(1, 2)), job(tmp_path, 'b', MEET.format(2, 1))], 2)
    run_jobs([job(tmp_path, name, ALONE) for name in 'abc'], 1)
    with pytest.raises(JobError, match='AssertionError'):
        run_jobs([job(tmp_path, name, ALONE) for name in 'abc'], 3)


def test_progress_is_four_lines_without_a_terminal(tmp_path, capfd):
    run_jobs([job(tmp_path, 'a', PROGRESS), job(tmp_path, 'long name', PROGRESS)], 2)
    lines = capfd.readouterr().out.splitlines()
    assert sorted(lines) == sorted(
        f'      {name:<9}  {done} of 1000'
        for name in ('a', 'long name')
        for done in (250, 500, 750, 1000)
    )


@pytest.mark.parametrize(
    ('code', 'reason'),
    (
        ('print("upstream", file=sys.stderr)\n1 / 0', 'ZeroDivisionError'),
        ('os.kill(os.getpid(), 9)', 'SIGKILL'),
        ('print(\'{"error": "no scenes"}\', flush=True)\nsys.exit(1)', 'no scenes'),
        ('sys.exit(3)', 'exit code 3'),
    ),
)
def test_an_error_names_its_reason_and_log_and_stops_the_others(tmp_path, capfd, code, reason):
    other = job(tmp_path, 'other', '(d / "pid").write_text(str(os.getpid()))\ntime.sleep(60)')
    wait = 'while not (d / "pid").exists(): time.sleep(0.01)\n'
    with pytest.raises(JobError, match=reason) as error:
        run_jobs([other, job(tmp_path, 'bad', wait + code)], 2)
    assert str(tmp_path / 'bad.log') in str(error.value)
    assert_ended(tmp_path)
    assert 'upstream' not in ''.join(capfd.readouterr())


def test_ctrl_c_stops_all(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(processes.Progress, 'show', interrupt)
    code = (
        '(d / "pid").write_text(str(os.getpid()))\nprint(\'{"done": 1, "total": 2}\', flush=True)'
    )
    with pytest.raises(KeyboardInterrupt):
        run_jobs([job(tmp_path, 'a', f'{code}\ntime.sleep(60)')], 1)
    assert_ended(tmp_path)


def assert_ended(folder) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / 'pid').read_text()), 0)
