import json

from projects.claims.runs.results_file import ResultsFile, run_of
from projects.claims.runs.run_plan import Run


def test_last_result_counts_and_cut_lines_do_not(tmp_path):
    results = ResultsFile(tmp_path / 'new' / 'results.jsonl')
    assert results.rows() == {}
    results.append(dict(key='b', value=1))
    results.append(dict(key='a', value=2))
    with results.path.open('a') as file:
        file.write('{"key": "c", "val')  # the power went
    results.append(dict(key='b', value=3))
    assert results.rows() == {'a': dict(key='a', value=2), 'b': dict(key='b', value=3)}


def test_set_aside(tmp_path):
    results, aside = ResultsFile(tmp_path / 'results.jsonl'), tmp_path / 'work' / 'stale.jsonl'
    for value, key in enumerate('abc'):
        results.append(dict(key=key, value=value))
    before = results.path.read_bytes()
    assert results.set_aside(lambda row: False, aside) == []
    assert results.path.read_bytes() == before and not aside.exists()
    assert results.set_aside(lambda row: row['value'] == 1, aside) == ['b']
    assert list(results.rows()) == ['a', 'c']
    assert json.loads(aside.read_text()) == dict(key='b', value=1)


def test_run_of():
    row = dict(config='x', seed=1, labelled=None, blur=2, key='…')
    assert run_of(row) == Run('x', 1, None, 2)
