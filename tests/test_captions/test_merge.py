import json
from pathlib import Path

import pytest

from mmtadp.captions import CaptionFileError
from mmtadp.captions.merge import merge_files
from mmtadp.utils.errors import RunError


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name: str, content: dict) -> str:
        Path(name).write_text(json.dumps(content))
        return name

    return write


def test_schemas_and_labels(write):
    a = write('a.json', {'c': {'captions': ['a cat'], 'class_label': 3}, 'b': 'a bus'})
    b = write('b.json', {'a': ['an ant', 'an aunt'], 'b': {'captions': ['a bus', 'a bus']}})
    assert merge_files([a, b], 'out.json') == (3, 0)
    assert Path('out.json').read_text() == (
        '{\n'
        '"a": {"captions": ["an ant", "an aunt"]},\n'
        '"b": {"captions": ["a bus"]},\n'
        '"c": {"captions": ["a cat"], "class_label": 3}\n'
        '}\n'
    )


def test_conflicts(write):
    a = write('a.json', {'x': 'a dog', 'y': 'a tree'})
    b = write('b.json', {'x': 'a wolf'})
    with pytest.raises(RunError, match="'x' has different captions: 'a dog' and 'a wolf'"):
        merge_files([a, b], 'out.json')
    assert not Path('out.json').exists()
    for choice, captions in (
        ('first', ['a dog']),
        ('last', ['a wolf']),
        ('all', ['a dog', 'a wolf']),
    ):
        assert merge_files([a, b], 'out.json', choice, overwrite=True) == (2, 1)
        assert json.loads(Path('out.json').read_text())['x']['captions'] == captions
    with pytest.raises(RunError, match="on_conflict='both': expected one of error, first"):
        merge_files([a, b], 'out.json', 'both', overwrite=True)


def test_class_labels_that_differ(write):
    a = write('a.json', {'x': {'captions': ['a dog'], 'class_label': 1}})
    b = write('b.json', {'x': {'captions': ['a dog'], 'class_label': 2}})
    with pytest.raises(RunError, match='different class labels: 1 and 2'):
        merge_files([a, b], 'out.json')


def test_keys_that_fit_one_image(write):
    a = write('a.json', {'x.png': 'a dog'})
    b = write('b.json', {'night/x.png': 'a wolf'})
    with pytest.raises(RunError, match="'x.png' of a.json and .* of b.json fit the same image"):
        merge_files([a, b], 'out.json')
    with pytest.raises(RunError, match="different ways: a.json has 'x.png', c.json has 'y'"):
        merge_files([a, write('c.json', {'y': 'a cat'})], 'out.json')
    assert sorted(path.name for path in Path().iterdir()) == ['a.json', 'b.json', 'c.json']


def test_side_files(write):
    a, b = write('a.json', {'x': 'a dog'}), write('b.json', {'y': 'a cat'})
    write('a.provenance.json', dict(settings=dict(model='m')))
    Path('a.skipped.txt').write_text('/d/1.png\tno image\n')
    Path('b.skipped.txt').write_text('/d/2.png\tthe caption is empty\n')
    merge_files([a, b], 'out.json')
    origin = json.loads(Path('out.provenance.json').read_text())['settings']['merged']
    assert [(o['file'], o['provenance']) for o in origin] == [
        ('a.json', dict(settings=dict(model='m'))),
        ('b.json', None),
    ]
    assert Path('out.skipped.txt').read_text() == (
        '/d/1.png\tno image\n/d/2.png\tthe caption is empty\n'
    )


def test_files_that_are_there_or_not(write):
    a = write('a.json', {'x': 'a dog'})
    with pytest.raises(RunError, match='a.json exists: name another --out'):
        merge_files([a], 'a.json')
    with pytest.raises(FileNotFoundError, match='caption file not found'):
        merge_files([a, 'gone.json'], 'out.json')
    with pytest.raises(CaptionFileError, match='wrong schema'):
        merge_files([write('b.json', {'x': 3})], 'out.json')


def test_published_files(shared, tmp_path):
    files = sorted((shared / 'captions').glob('*=77.json'))
    images, conflicts = merge_files([str(file) for file in files], str(tmp_path / 'out.json'))
    published = json.loads(files[0].read_text())
    assert (images, conflicts) == (len(published), 0)
    merged = json.loads((tmp_path / 'out.json').read_text())
    # The published ones often end in a space, which is no part of a caption.
    assert merged == {
        key: {'captions': [text.strip() for text in entry['captions']]}
        for key, entry in published.items()
    }
