import json
import multiprocessing
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mmtadp.captioning import Captioner, CaptioningSummary, Decoding
from mmtadp.captioning.journal import Journal
from mmtadp.captioning.task import Progress
from mmtadp.captions.write import ResultFiles
from mmtadp.utils.errors import RunError
from tests.utils.captioning_runs import (
    captions_of,
    interrupt,
    names_beside,
    run,
    spy_on_batches,
)


@pytest.fixture
def whole(task) -> bytes:
    """Return the file that the task gives without an interruption."""
    at_once = replace(task, out=task.out.replace('captions', 'at_once'))
    run(at_once)
    return Path(at_once.out).read_bytes()


def test_an_interrupted_run_continues(task, whole, monkeypatch):
    interrupt(task, monkeypatch, batches=2)
    assert not Path(task.out).exists()
    batches = spy_on_batches(monkeypatch)
    assert run(task) == CaptioningSummary(captions=11, skipped=0, new=3)
    assert batches == [(3, None)]
    assert Path(task.out).read_bytes() == whole
    assert not ResultFiles(task.out).journal.exists()


def test_batches_stay_as_they_were_cut(task, monkeypatch):
    interrupt(task, monkeypatch, batches=1)
    batches = spy_on_batches(monkeypatch)
    run(task)
    assert [size for size, _ in batches] == [4, 3]


def _caption_slowly(task, log: Path) -> None:
    caption = Captioner.caption

    def slow(self, images, *args):
        with open(log, 'a') as file:
            file.write(f'{len(images)}\n')
        time.sleep(0.1)
        return caption(self, images, *args)

    Captioner.caption = slow
    run(task)


@pytest.mark.parametrize('workers', [0, 1])
def test_killed_again_and_again(task, whole, tmp_path, workers):
    """As a power cut would: no Python code of the process runs after the signal."""
    task = replace(task, batch_size=1, workers=workers)
    journal, log = ResultFiles(task.out).journal / '0.jsonl', tmp_path / 'log'
    log.touch()
    kills = []
    for batches in (1, 4, 5, 9):
        process = multiprocessing.get_context('fork').Process(
            target=_caption_slowly, args=(task, log)
        )
        process.start()
        deadline = time.monotonic() + 60
        while not journal.exists() or journal.read_bytes().count(b'\n') < batches:
            assert process.is_alive() and time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills.append(process.exitcode)
        assert not Path(task.out).exists()
        # At most one batch was begun and is lost, per kill.
        done = len(Progress.read(Journal(journal.parent)))
        assert batches <= done
        assert log.read_text().count('\n') - done <= len(kills)
    assert kills == [-signal.SIGKILL] * 4
    assert run(task).captions == 11
    assert Path(task.out).read_bytes() == whole
    assert names_beside(task) == [
        'at_once.json',
        'at_once.provenance.json',
        'captions.json',
        'captions.provenance.json',
        'log',
    ]


def test_a_second_run_is_refused_while_the_first_is_at_work(task, tmp_path):
    task = replace(task, batch_size=1)
    process = multiprocessing.get_context('fork').Process(
        target=_caption_slowly, args=(task, tmp_path / 'log')
    )
    process.start()
    while not (tmp_path / 'log').exists():
        time.sleep(0.01)
    with pytest.raises(RunError, match='another process is at work on .*captions.js'):
        run(replace(task, overwrite=True))
    process.join()
    assert process.exitcode == 0 and len(captions_of(task)) == 11


def test_a_finished_run_has_nothing_to_do(task, monkeypatch):
    run(task)
    before = {path: path.stat().st_mtime_ns for path in Path(task.out).parent.iterdir()}
    monkeypatch.setattr(Captioner, 'load', lambda *args: pytest.fail('loaded the model'))
    assert run(task) == CaptioningSummary(captions=11, skipped=0, new=0)
    assert before == {path: path.stat().st_mtime_ns for path in Path(task.out).parent.iterdir()}


def test_images_added_later(task, whole, photos, tmp_path):
    folder = shutil.copytree(photos, tmp_path / 'images')
    moved = (folder / 'day/004.jpg').rename(tmp_path / 'later.jpg')
    task = replace(task, source=str(folder))
    assert run(task).new == 10
    moved.rename(folder / 'day/004.jpg')
    assert run(task) == CaptioningSummary(captions=11, skipped=0, new=1)
    assert Path(task.out).read_bytes() == whole


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(decoding=Decoding(0, 9)), 'max_new_tokens was 8 and is 9'),
        (dict(decoding=Decoding(0, 8, 5)), 'num_beams was 1 and is 5'),
        (dict(dtype='bf16'), "dtype was 'fp32' and is 'bf16'"),
        (dict(revision='v2'), "revision was None and is 'v2'"),
        (dict(key='stem'), "key was 'relpath' and is 'stem'"),
    ],
)
def test_other_arguments_are_refused(task, monkeypatch, change, message):
    refused = pytest.raises(
        RunError, match=f'{message}.*another --out, or start .*with --overwrite'
    )
    interrupt(task, monkeypatch, batches=1)
    with refused:
        run(replace(task, **change))
    run(task)
    before = Path(task.out).read_bytes()
    with refused:
        run(replace(task, **change))
    assert Path(task.out).read_bytes() == before


@pytest.mark.parametrize('change', [dict(batch_size=2), dict(workers=1), dict(max_pixels=10**9)])
def test_arguments_that_captions_do_not_depend_on(task, whole, monkeypatch, change):
    interrupt(task, monkeypatch, batches=1)
    assert run(replace(task, **change)).new == 7
    assert Path(task.out).read_bytes() == whole


def test_overwrite(task, whole, monkeypatch):
    run(task)
    other = replace(task, decoding=Decoding(0, 5), overwrite=True)
    interrupt(other, monkeypatch, batches=1)
    # The old file stays until the new one is whole, and continuing needs no --overwrite.
    assert Path(task.out).read_bytes() == whole
    assert run(replace(other, overwrite=False)) == CaptioningSummary(captions=11, skipped=0, new=7)
    assert all(len(caption.split()) <= 5 for caption in captions_of(task).values())


def test_a_file_of_unknown_origin_is_not_touched(task):
    Path(task.out).write_text('{"a": "a dog"}')
    with pytest.raises(RunError, match='captions.provenance.json.* does not'):
        run(task)
    assert Path(task.out).read_text() == '{"a": "a dog"}'


def test_a_slip_in_the_model_name_binds_nobody(task):
    with pytest.raises(RunError, match='not a local folder'):
        run(replace(task, model='no/such'))
    assert run(task).captions == 11


@pytest.mark.parametrize('step', ['write_json', 'write_list'])
def test_stopped_between_the_files_of_the_result(task, whole, monkeypatch, step):
    with monkeypatch.context() as patch:
        patch.setattr(f'mmtadp.captions.write.{step}', lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(task)
    batches = spy_on_batches(monkeypatch)
    # Without provenance, the journal says how the captions were made.
    if step == 'write_json':
        assert not ResultFiles(task.out).provenance.exists()
    assert run(task) == CaptioningSummary(captions=11, skipped=0, new=0)
    assert batches == [] and Path(task.out).read_bytes() == whole
    assert json.loads(ResultFiles(task.out).provenance.read_text())['captions'] == 11
    assert not ResultFiles(task.out).journal.exists()
