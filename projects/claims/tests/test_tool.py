"""The command that tests the claims: what it makes, what it makes again, what it loses."""

import fcntl
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from types import ModuleType

import pytest

from mmtadp.captions import TaggerDataError
from mmtadp.utils.errors import RunError
from mmtadp.utils.folder_lock import FolderLock
from projects.claims.runs import run_data, schedule
from projects.claims.runs.run_plan import full_plan
from projects.claims.runs.schedule import Outcome
from projects.claims.tests.conftest import OPTIONS
from projects.claims.tests.conftest import claims_data as claims_data
from projects.shapescenes.tests.test_demo import load_tool

_OPTIONS = [
    f'{name}={value}'.replace(' ', '').replace('[', '').replace(']', '')
    for name, value in OPTIONS.items()
]
# As the command, on data that are there already.
_COMMAND = """
import runpy, sys, projects.claims.runs.run_data as p
p.prepare_runs = lambda *_, **__: None
sys.argv[:] = {argv!r}
runpy.run_path(sys.argv[0], run_name='__main__')
"""


@pytest.fixture
def claims(repository, monkeypatch, tmp_path) -> ModuleType:
    """The command's module, in a folder of the test; it prepares no data."""
    monkeypatch.chdir(tmp_path)
    module = load_tool(repository, 'projects/claims/tools/claims.py')
    monkeypatch.setattr(run_data, 'prepare_runs', lambda *_, **__: None)
    return module


def arguments(data, only: str, *more: str) -> list[str]:
    return ['--data', str(data), '--only', only, '--jobs=1', *more, '--cfg-options', *_OPTIONS]


def keys(folder) -> list[str]:
    file = folder / 'projects' / 'claims' / 'results' / 'results.jsonl'
    return [json.loads(line)['key'] for line in file.read_text().splitlines()]


@pytest.mark.slow
def test_made_once_and_again_when_something_changes(
    claims, claims_data, tmp_path, capfd, monkeypatch
):
    asked = arguments(claims_data, 'null_shapescenes-seed0')
    assert claims.main(asked) == 0
    output = capfd.readouterr().out
    assert '1 runs, 1 of them missing, 1 at once' in output
    assert (
        '[1/1] null_shapescenes-seed0: ' in output and 'Wrote projects/claims/results.md' in output
    )
    assert keys(tmp_path) == ['null_shapescenes-seed0']
    page = (tmp_path / 'projects' / 'claims' / 'results.md').read_bytes()
    assert b'**1 of 129 runs are done.**' in page
    assert list((tmp_path / 'work_dirs/claims/null_shapescenes-seed0').glob('*.pth'))

    # Nothing is left to do.
    asked_for = []

    def made(runs, *_, **__):
        asked_for.append([run.key for run in runs])
        return Outcome(len(runs), [], None)

    monkeypatch.setattr(schedule, 'run_all', made)
    assert claims.main(asked) == 0 and asked_for == [[]]
    assert claims.main([*asked[:5], '--report-only']) == 0
    assert (tmp_path / 'projects' / 'claims' / 'results.md').read_bytes() == page

    # With another setting the result no longer holds.
    assert claims.main([*asked, 'optim_wrapper.optimizer.lr=0.01']) == 0
    assert asked_for[1:] == [['null_shapescenes-seed0']]
    assert keys(tmp_path) == []
    aside = (tmp_path / 'work_dirs' / 'claims' / 'stale.jsonl').read_text()
    assert json.loads(aside)['key'] == 'null_shapescenes-seed0'
    assert 'was made with other settings or data' in capfd.readouterr().out


@pytest.mark.slow
def test_a_killed_command_loses_what_it_was_at_and_no_more(
    repository, claims_data, tmp_path, path_of_tests
):
    asked = arguments(claims_data, '[no][ur]*_shapescenes-seed0')
    argv = [str(repository / 'projects/claims/tools/claims.py'), *asked]
    with (tmp_path / 'output').open('w') as output:
        process = subprocess.Popen(
            [sys.executable, '-c', _COMMAND.format(argv=argv)],
            cwd=tmp_path,
            env=dict(os.environ, PYTHONPATH=path_of_tests),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    results = tmp_path / 'projects' / 'claims' / 'results' / 'results.jsonl'
    second = tmp_path / 'work_dirs' / 'claims' / 'oracle_shapescenes-seed0' / 'lock'
    deadline = time.monotonic() + 300
    while not (results.exists() and second.exists()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143, (tmp_path / 'output').read_text()
    assert keys(tmp_path) == ['null_shapescenes-seed0']
    # Nobody is at the second one any more: its lock is free.
    with second.open('w') as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert 'The same command continues' in (tmp_path / 'output').read_text()


def test_dry_run_lists_and_does_nothing(claims, tmp_path, capsys):
    assert claims.main(['--dry-run']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(full_plan()) and lines[0].split() == [
        'missing',
        'null_shapescenes-seed0',
    ]
    assert claims.main(['--dry-run', '--quick']) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert claims.main(['--dry-run', '--seeds=1', '--only', '*night*']) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert os.listdir(tmp_path) == []


def test_failed_runs_and_signals_give_the_exit_code(claims, monkeypatch, tmp_path, capsys):
    run = full_plan()[0]
    for outcome, code in ((Outcome(0, [run], None), 1), (Outcome(0, [], signal.SIGINT), 130)):
        monkeypatch.setattr(schedule, 'run_all', lambda *_, outcome=outcome, **__: outcome)
        assert claims.main(['--quick']) == code
    assert 'Interrupted. The same command continues.' in capsys.readouterr().err


def test_make_hands_quick_on(repository):
    def make(*more: str) -> str:
        command = ['make', '--dry-run', '-C', str(repository), 'claims', *more]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert make().splitlines()[-2].endswith('projects/claims/tools/claims.py')
    assert make('QUICK=1').splitlines()[-2].endswith('projects/claims/tools/claims.py --quick')


@pytest.mark.parametrize(
    ('more', 'named'),
    [
        (['--only', 'null_shapescene-seed0'], "Did you mean 'null_shapescenes-seed0'?"),
        (['--cfg-options', 'modle.backbone.timestep=3'], 'Did you mean model?'),
    ],
)
def test_what_fits_nothing_is_refused(claims, tmp_path, capsys, more, named):
    assert claims.main(['--quick', *more]) == 2
    assert named in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_a_second_command_is_refused(claims, tmp_path, capsys):
    context = multiprocessing.get_context('fork')
    pipe, other = context.Pipe()

    def hold():
        with FolderLock(tmp_path / 'work_dirs' / 'claims'):
            other.send('locked')
            other.recv()

    process = context.Process(target=hold)
    process.start()
    try:
        assert pipe.recv() == 'locked'
        assert claims.main(['--quick']) == 2
    finally:
        pipe.send('end')
        process.join()
    assert 'another process is at work in work_dirs/claims' in capsys.readouterr().err


@pytest.mark.parametrize(
    'error',
    [
        RunError('name another --out'),
        TaggerDataError('no tagger here: python -m nltk.downloader'),
        FileExistsError('data/shapescenes/day holds something else'),
    ],
)
def test_what_preparation_lacks_is_said(claims, monkeypatch, capsys, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(run_data, 'prepare_runs', fail)
    assert claims.main(['--only', 'null_shapescenes-seed0']) == 2
    assert capsys.readouterr().err == f'error: {error}\n'
