import json
import multiprocessing

import pytest

from mmtadp.captioning.journal import Journal, Progress
from mmtadp.utils.resumable import RunError

BATCHES = [
    Progress({'a': 'a dog', 'b': 'eine Straße'}, {}),
    Progress({'c': 'a cat'}, {'d': 'broken'}),
    Progress({}, {'e': 'the caption is empty'}),
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
    progress = again.read()
    assert progress.captions == {'a': 'a dog', 'b': 'eine Straße', 'c': 'a cat'}
    assert progress.skipped == {'d': 'broken', 'e': 'the caption is empty'}
    assert len(progress) == 5 and 'e' in progress and 'f' not in progress


def test_cut_anywhere_it_holds_the_whole_batches_before(journal):
    path = journal.folder / '0.jsonl'
    content = path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(content) if byte == ord('\n')]
    assert len(ends) == 3
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        whole = sum(end <= length for end in ends)
        expected = Progress()
        for batch in BATCHES[:whole]:
            expected.update(batch)
        assert journal.read() == expected
        # Zeros are what a power cut leaves in place of the end.
        path.write_bytes(content[:length] + bytes(len(content) - length))
        assert journal.read() == expected


def test_a_torn_line_is_not_written_onto(journal):
    path = journal.folder / '0.jsonl'
    journal.close()
    path.write_bytes(path.read_bytes()[:-3] + b'\0\0')
    journal.open(0)
    journal.append(Progress({'f': 'a tree'}))
    lines = path.read_text().splitlines()
    assert [list(json.loads(line)['captions']) for line in lines] == [['a', 'b'], ['c'], ['f']]


def test_a_damaged_line_in_the_middle_is_no_accident(journal):
    path = journal.folder / '0.jsonl'
    path.write_bytes(path.read_bytes().replace(b'"a cat"', b'"a ca'))
    with pytest.raises(RunError, match='0.jsonl, line 2: damaged .* --overwrite'):
        journal.read()


def test_files_of_several_processes(journal):
    other = Journal(journal.folder)
    other.open(3)
    other.append(Progress({'x': 'a car'}))
    other.close()
    assert len(journal.read()) == 6


def test_removed_at_once(journal):
    journal.close()
    journal.remove()
    assert list(journal.folder.parent.iterdir()) == []
    assert len(journal.read()) == 0


def _try_to_open(folder, outcome):
    try:
        Journal(folder).refuse_second_run()
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

    assert 'another process is captioning into' in attempt()
    journal.close()
    assert attempt() == ''
