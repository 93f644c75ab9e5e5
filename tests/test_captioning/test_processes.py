"""Several processes, joined as torchrun joins them."""

import multiprocessing
import os
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mmtadp.captioning import LocalEngine, Processes, Task, run_task
from mmtadp.captioning.journal import Journal
from mmtadp.captioning.task import Progress
from mmtadp.captions.write import ResultFiles
from mmtadp.utils.errors import RunError
from tests.utils.captioning_runs import captions_of, interrupt, run


def _run_one(task: Task, rank: int, count: int, port: int) -> None:
    os.environ.update(
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(count),
    )
    processes = Processes.from_environment()
    try:
        summary = run_task(task, LocalEngine('cpu', processes), processes)
    except RunError as error:
        print(error, flush=True)
        os._exit(2)
    assert (summary is not None) == (rank == 0)


def start(task: Task, count: int) -> list[multiprocessing.Process]:
    """Start the processes of a run."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context('fork')
    processes = [
        context.Process(target=_run_one, args=(task, rank, count, port)) for rank in range(count)
    ]
    for process in processes:
        process.start()
    return processes


def run_several(task: Task, count: int) -> list[int]:
    """Exit codes of a run by several processes."""
    processes = start(task, count)
    for process in processes:
        process.join(timeout=60)
    return [process.exitcode for process in processes]


@pytest.fixture
def whole(task) -> bytes:
    """Return the file of a single process."""
    single = replace(task, out=task.out.replace('captions', 'single'))
    run(single)
    return Path(single.out).read_bytes()


@pytest.mark.parametrize('count', [2, 5])  # of three batches
def test_as_one_process(task, whole, count):
    assert run_several(task, count) == [0] * count
    assert Path(task.out).read_bytes() == whole
    provenance = ResultFiles(task.out).read_provenance()
    assert (provenance['processes'], provenance['captions']) == (count, 11)
    assert not ResultFiles(task.out).journal.exists()


def test_continued_by_another_number_of_processes(task, whole, monkeypatch):
    task = replace(task, batch_size=1)
    folder = ResultFiles(task.out).journal
    monkeypatch.setattr('mmtadp.utils.json_lines.os.fsync', lambda file: time.sleep(0.2))
    processes = start(task, 2)
    deadline = time.monotonic() + 60
    while not all((folder / f'{rank}.jsonl').exists() for rank in range(2)) or any(
        (folder / f'{rank}.jsonl').stat().st_size == 0 for rank in range(2)
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    monkeypatch.undo()
    done = len(Progress.read(Journal(folder)))
    assert 2 <= done < 11
    interrupt(task, monkeypatch, batches=1)  # one process
    assert len(Progress.read(Journal(folder))) == done + 1
    assert run_several(task, 3) == [0, 0, 0]
    assert Path(task.out).read_bytes() == whole


def test_all_are_told_why_the_run_is_refused(task):
    Path(task.out).write_text('{}')
    assert run_several(task, 2) == [2, 2]
    assert Path(task.out).read_text() == '{}'


def test_nothing_to_do_for_anyone(task):
    run(task)
    assert run_several(task, 2) == [0, 0]
    assert len(captions_of(task)) == 11


def test_a_journal_that_not_all_share(task, monkeypatch):
    """As on two machines that have a folder of this name each."""
    folder = ResultFiles(task.out).journal
    read = Journal.read

    def read_without_the_second(self, entries):
        (folder / '1.jsonl').unlink(missing_ok=True)
        return read(self, entries)

    monkeypatch.setattr(Journal, 'read', read_without_the_second)
    assert run_several(task, 2) == [2, 0]
    assert not Path(task.out).exists()
    monkeypatch.undo()
    assert run(task).captions == 11
