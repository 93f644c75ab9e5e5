import json
import multiprocessing

import pytest

from mmtadp.utils.json_lines import DamagedLineError, JsonLines

VALUES = [dict(a='eine Straße'), [1, 2.5], dict(b='a\nb\0')]


@pytest.fixture
def log(tmp_path):
    log = JsonLines(tmp_path / 'folder' / 'log.jsonl')
    for value in VALUES:
        log.append(value)
    return log


def test_appended_values_are_read(log, tmp_path):
    assert JsonLines(log.path).read() == VALUES
    assert JsonLines(tmp_path / 'none.jsonl').read() == []
    assert not (tmp_path / 'none.jsonl').exists()


@pytest.mark.parametrize('zeros', [False, True])
def test_cut_anywhere_it_keeps_the_whole_lines(log, zeros):
    content = log.path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(content) if byte == ord('\n')]
    assert len(ends) == len(VALUES)
    for length in range(len(content) + 1):
        # Zeros are what a power cut leaves in place of the end.
        torn = content[:length] + bytes(len(content) - length if zeros else 0)
        log.path.write_bytes(torn)
        whole = VALUES[: sum(end <= length for end in ends)]
        again = JsonLines(log.path)
        assert again.read() == whole
        again.append('new')
        again.append('newer')
        assert again.read() == [*whole, 'new', 'newer']
        assert log.path.read_bytes().count(b'\n') == len(whole) + 2


def test_a_line_torn_by_another_process_is_cut_off(log):
    with log.path.open('ab') as file:
        file.write(b'{"half')
    log.append('new')
    assert log.read() == [*VALUES, 'new']


def test_damaged_line(log):
    log.path.write_bytes(log.path.read_bytes().replace(b'2.5]', b'2.5'))
    with pytest.raises(DamagedLineError, match=r'log\.jsonl, line 2: damaged'):
        log.read()


def test_one_line_per_value(log):
    assert [json.loads(line) for line in log.path.read_text().splitlines()] == VALUES


def _append_many(path, name):
    log = JsonLines(path, sync=False)
    for number in range(100):
        log.append([name, number])


def test_several_processes(tmp_path):
    context = multiprocessing.get_context('fork')
    path = tmp_path / 'log.jsonl'
    path.write_bytes(b'[torn')
    processes = [context.Process(target=_append_many, args=(path, name)) for name in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    values = JsonLines(path).read()
    assert sorted(values) == [[name, number] for name in range(4) for number in range(100)]


@pytest.mark.parametrize('line', ['[1]', '{"b": 1}', '{"a": "x"}', '[' * 100_000])
def test_a_line_without_an_entry(tmp_path, line):
    (tmp_path / 'log.jsonl').write_text('{"a": 0.5}\n{"a": 1}\n' + line + '\n')
    with pytest.raises(DamagedLineError, match=r'log\.jsonl, line 3.* damaged.* Delete it\.'):
        JsonLines(tmp_path / 'log.jsonl').read({'a': float}, 'Delete it.')
