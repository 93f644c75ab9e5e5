import json
import os
import subprocess
import sys

import pytest

from mmtadp.captions import TaggerDataError, find_nouns, nouns
from tests.utils.tiny_tagger import write_tagger


@pytest.mark.parametrize(
    ('caption', 'found'),
    [
        ('a black cat sits on the dogs', ('cat', 'dogs')),
        ('the dogs and a cat and the dogs', ('dogs', 'cat')),  # the first of each, in order
        ('a T-shirt on Paris', ('T-shirt',)),  # spelled as it was; no proper nouns
        ('a black cat.', ('cat',)),
        ('a cat, the dogs; it barks', ('cat', 'dogs')),
        ('it sits on the cat. it barks! the dogs', ('cat', 'dogs')),  # several sentences
        ('black and white', ()),
        ('', ()),
    ],
)
def test_nouns(tiny_tagger, caption, found):
    assert find_nouns(caption) == found


def test_missing_data_say_what_to_fetch(tmp_path, use_nltk_data):
    use_nltk_data(tmp_path)
    with pytest.raises(TaggerDataError) as error:
        find_nouns('a cat')
    for words in (
        str(tmp_path),
        'python -m nltk.downloader averaged_perceptron_tagger_eng',
        'NLTK_DATA',
    ):
        assert words in str(error.value)


def test_environment_variable(tmp_path):
    # By its file: mmtadp itself takes seconds to import.
    code = f"import runpy; print(runpy.run_path({nouns.__file__!r})['find_nouns']('a cat'))"
    env = {**os.environ, 'NLTK_DATA': str(write_tagger(tmp_path))}
    done = subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, text=True)
    assert done.stdout == "('cat',)\n", done.stderr


def test_published_captions(shared, use_nltk_data):
    use_nltk_data(shared / 'nltk_data')
    path = shared / 'captions' / 'pascal_object_captions_min40_max77.json'
    entries = json.loads(path.read_text())
    found = {key: find_nouns(entry['captions'][-1].strip()) for key, entry in entries.items()}
    assert len(found) == 21503
    assert found['2008_000002'] == ('tv', 'screen', 'sun')
    assert found['2008_000009'] == ('horses', 'field', 'fence')
    assert found['2008_000016'] == ('computer', 'monitor', 'keyboard', 'mouse', 'desk')
    assert sum(map(len, found.values())) == 62313
    assert list(found.values()).count(()) == 8
