import multiprocessing

import pytest

from mmtadp.captioning.journal import Journal
from mmtadp.captioning.task import Progress
from mmtadp.utils.errors import RunError

BATCHES = [
    dict(captions={'a': 'a dog', 'b': 'eine Straße'}, skipped={}),
    dict(captions={'c': 'a cat'}, skipped={'d': 'broken'}),
    dict(captions={}, skipped={'e': 'the caption is empty'}),
]


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / 'captions.journal')
    journal.create(dict(settings=dict(model='m')))
    journal.open(0)
    for batch in BATCHES:
        journal.append(batch)
    yield journal
    journal.close()


def test_what_is_appended_is_read(journal):
    again = Journal(journal.folder)
    assert again.settings() == dict(settings=dict(model='m'))
    assert again.read() == BATCHES
    progress = Progress.read(again)
    assert progress.captions == {'a': 'a dog', 'b': 'eine Straße', 'c': 'a cat'}
    assert progress.skipped == {'d': 'broken', 'e': 'the caption is empty'}
    assert len(progress) == 5 and 'e' in progress and 'f' not in progress


def test_a_torn_record_is_cut_off(journal):
    path = journal.folder / '0.jsonl'
    journal.close()
    path.write_bytes(path.read_bytes()[:-3] + b'\0\0')
    assert journal.read() == BATCHES[:2]
    journal.open(0)
    journal.append('new')
    assert journal.read() == [*BATCHES[:2], 'new']


def test_a_damaged_line_in_the_middle_is_no_accident(journal):
    path = journal.folder / '0.jsonl'
    path.write_bytes(path.read_bytes().replace(b'"a cat"', b'"a ca'))
    with pytest.raises(RunError, match='0.jsonl, line 2: damaged .* --overwrite'):
        journal.read()


def test_files_of_several_processes(journal):
    other = Journal(journal.folder)
    other.open(3)
    other.append('more')
    other.close()
    assert journal.read() == [*BATCHES, 'more']


def test_removed_at_once(journal):
    journal.close()
    journal.remove()
    assert list(journal.folder.parent.iterdir()) == []
    assert len(journal.read()) == 0


def _try_to_open(folder, outcome):
    try:
        journal = Journal(folder)
        journal.claim()
        journal.unclaim()
    except RunError as error:
        outcome.put(str(error))
    else:
        outcome.put('')


def test_a_second_run_is_kept_out(journal):
    context = multiprocessing.get_context('fork')
    outcome = context.Queue()

    def attempt() -> str:
        process = context.Process(target=_try_to_open, args=(journal.folder, outcome))
        process.start()
        process.join()
        return outcome.get(timeout=5)

    assert 'another process is at work on' in attempt()
    journal.close()
    assert attempt() == ''
