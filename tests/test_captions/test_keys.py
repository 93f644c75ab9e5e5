import json
from pathlib import Path

import pytest

from mmtadp.captions import CaptionStore, assign_keys, check_captions, merge_files
from mmtadp.captions.keys import auto_suffices
from mmtadp.utils.errors import RunError
from mmtadp.utils.image_sources import ImageFile


@pytest.mark.parametrize(
    'keys, policy, suffices',
    [
        (['a', 'b'], 'stem', True),
        (['a.png', 'b.png'], 'filename', True),
        (['day/a.png', 'b.png'], 'relpath', True),
        # 'auto' reads these as file names, which fit the same images.
        (['a.png', 'b.png'], 'relpath', True),
        (['a.png', 'b.png'], 'stem', False),
        (['day/a.png'], 'filename', False),
        # Several kinds of keys, which 'auto' refuses.
        (['a', 'b.png'], 'stem', False),
    ],
)
def test_auto_suffices(keys, policy, suffices):
    assert auto_suffices(keys, policy, 'captions.json') is suffices


NFC, NFD = 'caf\u00e9', 'cafe\u0301'


@pytest.mark.parametrize(('key', 'name'), [(NFC, NFD), (NFD, NFC), (NFC, NFC), (NFD, NFD)])
@pytest.mark.parametrize('form', ['{}', '{}.png', '{}/a.png'])
def test_unicode_forms_are_one_key(tmp_path, key, name, form):
    """A copy or an archive from a Mac has names in the form NFD."""
    path = tmp_path / 'captions.json'
    path.write_text(json.dumps({form.format(key): 'a dog'}, ensure_ascii=False), 'utf-8')
    image = '/data/' + form.format(name) + ('' if '.' in form else '.png')
    assert CaptionStore.load(str(path)).find(image) == ['a dog']
    report = check_captions(str(path), [ImageFile(image, '/data')])
    assert report.problem_kinds() == []


def test_unicode_forms_of_new_files():
    keys = assign_keys([ImageFile(f'/data/{NFD}.png', '/data')], 'relpath')
    assert list(keys.items()) == [(f'{NFC}.png', f'/data/{NFD}.png')]
    both = [ImageFile(f'/data/{name}.png', '/data') for name in (NFC, NFD)]
    with pytest.raises(RunError, match=r'two Unicode forms of .* have the same key .* rename one'):
        assign_keys(both, 'relpath')


def test_unicode_forms_are_merged(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file, key, caption in (('a', NFC, 'a dog'), ('b', NFD, 'a dog'), ('c', NFD, 'a cat')):
        Path(f'{file}.json').write_text(json.dumps({key: caption}))
    assert merge_files(['a.json', 'b.json'], 'out.json') == (1, 0)
    assert list(json.loads(Path('out.json').read_text('utf-8'))) == [NFC]
    with pytest.raises(RunError, match=r"key 'caf\\xe9' and 'cafe\\u0301' \(two Unicode forms of"):
        merge_files(['a.json', 'c.json'], 'other.json')
    assert merge_files(['a.json', 'c.json'], 'other.json', 'all') == (1, 1)
    entry = json.loads(Path('other.json').read_text('utf-8'))[NFC]
    assert entry['captions'] == ['a dog', 'a cat']
