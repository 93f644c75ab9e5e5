import json

import pytest

from mmtadp.captions import nouns
from tests.utils.tiny_tagger import write_tagger


@pytest.fixture
def derive(run_tool, capsys):
    """Run the tool in this process; return exit code, output and errors."""

    def derive(*args) -> tuple[int, str, str]:
        code = 0
        try:
            run_tool('captions/derive', *args)
        except SystemExit as end:
            code = end.code
        return (code, *capsys.readouterr())

    return derive


@pytest.fixture
def tagger_data(tmp_path, monkeypatch):
    """Use an empty folder of NLTK data in place of the machine's."""
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
    assert '1 images have an empty caption, such as b' in said
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
    assert code == 2 and '--recall: expected a number above 0, at most 1, got' in errors
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
