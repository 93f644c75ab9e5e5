import json

import pytest

from mmtadp.captions import nouns
from tests.utils.tiny_tagger import write_tagger


@pytest.fixture
def derive(run_tool, capsys):
    """Runs the tool in this process; returns exit code, output and errors."""

    def derive(*args) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            run_tool('captions/derive', *args)
        return (end.value.code, *capsys.readouterr())

    return derive


@pytest.fixture
def tagger_data(tmp_path, monkeypatch):
    """A folder of NLTK data in place of whatever this machine has."""
    import nltk

    monkeypatch.setattr(nltk.data, 'path', [str(tmp_path / 'nltk_data')])
    nouns.load_tagger.cache_clear()
    nouns.find_nouns.cache_clear()
    yield tmp_path / 'nltk_data'
    nouns.load_tagger.cache_clear()
    nouns.find_nouns.cache_clear()


def read(path) -> dict[str, list[str]]:
    return {key: entry['captions'] for key, entry in json.loads(path.read_text()).items()}


def test_nouns(derive, tagger_data, tmp_path):
    captions = {'a': ['a black cat sits on the dogs', 'the dogs'], 'b': ['black and white']}
    (tmp_path / 'captions.json').write_text(json.dumps(captions))
    code, _, errors = derive('nouns', 'captions.json', '--out', 'nouns.json')
    assert code == 2 and 'python -m nltk.downloader averaged_perceptron_tagger_eng' in errors
    assert not (tmp_path / 'nouns.json').exists()
    write_tagger(tagger_data)
    code, said, _ = derive('nouns', 'captions.json', '--out', 'nouns.json')
    assert code == 0 and 'nouns.json: 2 images, 3 captions changed' in said
    assert '1 have an empty caption, such as b' in said
    assert read(tmp_path / 'nouns.json') == {'a': ['cat dogs', 'dogs'], 'b': ['']}


def test_oracle_of_a_config(derive, config, tmp_path):
    more = ('--spelling', 'dark', 'very dark', '--key', 'stem', '--splits', 'test')
    code, said, _ = derive('oracle', config, '--out', 'oracle.json', *more)
    assert code == 0 and 'oracle.json: 4 images' in said
    expected = {'0': ['light'], **{name: ['very dark light'] for name in '123'}}
    assert read(tmp_path / 'oracle.json') == expected
    settings = json.loads((tmp_path / 'oracle.provenance.json').read_text())['settings']
    assert settings['class_names'] == ['very dark', 'light'] and settings['precision'] == 1
    # The file is one that training takes.
    code, _, errors = derive('oracle', config, '--out', 'o.json', '--recall', 0)
    assert code == 2 and 'recall=0.0: expected a share above 0' in errors
    code, _, errors = derive('oracle', config, '--out', 'o.json', '--class-names', 'one')
    assert code == 2 and 'no name for label' in errors


def test_class_names(derive, config, tmp_path):
    assert derive('class-names', config, '--out', 'a.json')[0] == 0
    assert read(tmp_path / 'a.json') == {f'{i}.jpg': ['dark light'] for i in range(4)}
    code, _, errors = derive('class-names', 'data/images', '--out', 'b.json')
    assert code == 2 and 'give them with --class-names' in errors
    names = ('--class-names', 'cat', 'potted plant', '--key', 'stem')
    assert derive('class-names', 'data/images', '--out', 'b.json', *names)[0] == 0
    assert read(tmp_path / 'b.json') == {str(i): ['cat potted plant'] for i in range(4)}


def test_random_ones(derive, tmp_path):
    captions = {str(i): 'cat potted plant dog' for i in range(50)}
    (tmp_path / 'c.json').write_text(json.dumps(captions))
    (tmp_path / 'names.txt').write_text('cat\ncow\npotted plant\ndog\n')
    names = ('--class-names', 'names.txt')
    assert derive('shuffle', 'c.json', '--out', 's.json', *names)[0] == 0
    shuffled = [text for (text,) in read(tmp_path / 's.json').values()]
    assert len(set(shuffled)) == 6 and all('potted plant' in text for text in shuffled)
    derive('shuffle', 'c.json', '--out', 's2.json', *names)
    assert (tmp_path / 's.json').read_bytes() == (tmp_path / 's2.json').read_bytes()
    derive('shuffle', 'c.json', '--out', 's2.json', '--overwrite', '--seed', 1, *names)
    assert (tmp_path / 's.json').read_bytes() != (tmp_path / 's2.json').read_bytes()
    code, said, _ = derive('drop', 'c.json', '--out', 'd.json', '--count', 1)
    assert code == 0 and '50 captions changed' in said
    assert {len(text.split()) for (text,) in read(tmp_path / 'd.json').values()} == {3}
    assert derive('add', 'c.json', '--out', 'a.json', '--probability', 1, *names)[0] == 0
    assert set(map(tuple, read(tmp_path / 'a.json').values())) == {('cat cow potted plant dog',)}
    code, _, errors = derive('add', 'c.json', '--out', 'x.json', '--count', 1, *names[:1], 'cat')
    assert code == 2 and 'does not consist of the 1 class names' in errors
    assert derive('drop', 'c.json', '--out', 'x.json', '--probability', 2)[0] == 2
