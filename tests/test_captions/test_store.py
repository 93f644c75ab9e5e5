import copy
import json
import os
import pickle

import pytest
from mmengine.logging import MMLogger

from mmtadp.captions import CaptionFileError, CaptionStore
from mmtadp.captions.packed import PackedStrings


@pytest.fixture
def write(tmp_path):
    def write(data, name='captions.json'):
        path = tmp_path / name
        path.write_text(json.dumps(data))
        return str(path)

    return write


def test_packed_strings():
    strings = ['', 'a dog', 'café 🐕', '']
    packed = pickle.loads(pickle.dumps(PackedStrings(strings)))
    assert list(packed) == strings
    assert len(packed) == 4
    with pytest.raises(IndexError, match=r'index 4 is out of range \(0 to 3\)'):
        packed[4]


@pytest.mark.parametrize(
    ('keys', 'policy'),
    [
        (['2008_000002', 'frame.v2', '12'], 'stem'),
        (['a.png', 'b.JPG'], 'filename'),
        (['night/G/a.png', 'top.png'], 'relpath'),
    ],
)
def test_auto_decides_by_all_keys_whatever_their_order(write, keys, policy):
    for ordered in (keys, keys[::-1]):
        store = CaptionStore.load(write({key: 'x' for key in ordered}))
        assert store.policies == (policy,)


@pytest.mark.parametrize('keys', [['a.png', 'b'], ['n/a.png', 'b'], ['n/a', 'n/b']])
def test_auto_refuses_a_mixture(write, keys):
    path = write({key: 'x' for key in keys})
    with pytest.raises(CaptionFileError, match='cannot tell') as error:
        CaptionStore.load(path)
    assert path in str(error.value) and repr(keys[0]) in str(error.value)


def test_lookup_by_each_policy(write):
    path = write({'night/G1/a.png': ['one', 'uno'], 'night/G2/b.png': 'two'})
    relpath = CaptionStore.load(path)
    assert len(relpath) == 2
    assert relpath.find('/data/rgb/night/G1/a.png') == ['one', 'uno']
    assert relpath.find('night/G2/b.png') == ['two']
    assert relpath.find('/data/rgb/night/G2/a.png') == []
    assert relpath.find('/data/overnight/G1/a.png') == []
    filename = CaptionStore.load(path, key='filename')
    assert filename.find('/elsewhere/a.png') == ['one', 'uno']
    assert filename.find('/elsewhere/a.jpg') == []
    stem = CaptionStore.load(path, key='stem')
    assert stem.find('/elsewhere/a.jpg') == ['one', 'uno']
    assert stem.find('b') == ['two']
    assert stem.find('c') == []


def test_key_may_be_longer_than_a_relative_image_path(write, tmp_path, monkeypatch):
    (tmp_path / 'night').mkdir()
    monkeypatch.chdir(tmp_path / 'night')
    store = CaptionStore.load(write({'night/a.png': 'one'}))
    assert store.find('a.png') == ['one']
    assert store.find('../night/./a.png') == ['one']


def test_every_key_of_many_is_found(write):
    captions = {f'{n * 7919 % 10007:05d}': f'caption {n}' for n in range(2000)}
    store = CaptionStore.load(write(captions))
    assert {key: store.find(f'/x/{key}.jpg')[0] for key in captions} == captions


def test_several_files_each_with_its_own_policy(write):
    store = CaptionStore.load(
        [write({'a': 'one'}, '1.json'), write({'night/b.png': 'two', 'c.png': 'three'}, '2.json')]
    )
    assert store.policies == ('stem', 'relpath')
    assert [store.find(f'/d/{name}') for name in ('a.jpg', 'night/b.png', 'x/c.png')] == [
        ['one'],
        ['two'],
        ['three'],
    ]


def test_equal_entries_in_two_files_are_one(write):
    store = CaptionStore.load([write({'a': 'one'}, '1.json'), write({'a': ['one']}, '2.json')])
    assert len(store) == 1


def test_files_that_disagree(write):
    first, second = write({'x': '0', 'a': 'one'}, '1.json'), write({'a': 'two'}, '2.json')
    with pytest.raises(CaptionFileError) as error:
        CaptionStore.load([first, second])
    for word in (first, second, "key 'a'", "'one' and 'two'"):
        assert word in str(error.value)


@pytest.mark.parametrize(
    'files',
    [
        [{'a.png': 'one', 'night/a.png': 'two'}],
        [{'night/a.png': 'two'}, {'a.png': 'one'}],
        [{'night/a.png': 'two'}, {'a': 'one'}],
        [{'a': 'two'}, {'a.png': 'one'}],
        [{'x/night/a.png': 'two', 'night/a.png': 'one'}],
    ],
)
def test_keys_that_fit_a_common_image_must_agree(write, files):
    paths = [write(data, f'{index}.json') for index, data in enumerate(files)]
    with pytest.raises(CaptionFileError, match='fit the same image') as error:
        CaptionStore.load(paths)
    for path, data in zip(paths, files, strict=True):
        assert path in str(error.value)
        assert all(repr(key) in str(error.value) for key in data)
    agreeing = [
        write({key: 'same' for key in data}, f'{index}.json') for index, data in enumerate(files)
    ]
    assert CaptionStore.load(agreeing).find('/x/night/a.png') == ['same']


def test_the_way_out_of_an_overlap(write):
    store = CaptionStore.load(write({'rgb/a.png': 'one', 'rgb/night/a.png': 'two'}))
    assert store.find('/data/rgb/a.png') == ['one']
    assert store.find('/data/rgb/night/a.png') == ['two']


@pytest.mark.parametrize(
    ('keys', 'policy', 'way_out'),
    [
        (['day/a.png', 'night/a.png'], 'stem', "key='filename' or 'relpath'"),
        (['a.png', 'a.jpg'], 'stem', "key='filename' or 'relpath'"),
        (['day/a.png', 'night/a.png'], 'filename', "key='relpath'"),
        (['./a.png', 'a.png'], 'relpath', 'Keep one'),
    ],
)
def test_keys_that_collide_under_the_policy(write, keys, policy, way_out):
    path = write({key: 'same' for key in keys})
    with pytest.raises(CaptionFileError, match='same image') as error:
        CaptionStore.load(path, key=policy)
    for word in [path, way_out, *map(repr, keys)]:
        assert word in str(error.value)


def test_key_that_ends_in_a_folder(write):
    with pytest.raises(CaptionFileError, match="key 'night/' names a folder"):
        CaptionStore.load(write({'night/': 'x'}), key='relpath')


def test_blank_captions(write):
    path = write({'a': ' ', 'b': ['two', ''], 'c': [], 'd': 'four'})
    with pytest.raises(CaptionFileError, match=r"'a' is empty \(and 2 more like it\)") as error:
        CaptionStore.load(path)
    assert path in str(error.value)
    store = CaptionStore.load(path, allow_blank=True)
    assert len(store) == 2
    assert [store.find(key) for key in 'abcd'] == [[], ['two'], [], ['four']]


def test_arguments(write):
    path = write({'a': 'x'})
    with pytest.raises(ValueError, match="key must be one of 'auto', 'stem'"):
        CaptionStore.load(path, key='name')
    for bad in (None, [], 3, [path, 3]):
        with pytest.raises(ValueError, match=r'ann_file=.*expected the path'):
            CaptionStore.load(bad)


def test_relative_path_error_says_where_it_looked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=str(tmp_path / 'captions.json')):
        CaptionStore.load('captions.json')


def test_misses_are_explained(write):
    stems = CaptionStore.load(write({'2008_000002': 'x', '2008_000003': 'y'}, '1.json'))
    message = stems.explain_miss('/voc/2008_00002.jpg')
    assert stems.paths[0] in message and '/voc/2008_00002.jpg' in message
    assert "of 2 keys: '2008_000002'" in message
    assert "None of 2 keys is similar; the first is '2008_000002'" in stems.explain_miss('zebra')
    paths = CaptionStore.load(write({'night/a.png': 'x', 'b.png': 'y'}, '2.json'))
    message = paths.explain_miss('/data/a.png')
    assert "'night/a.png' has the same stem" in message and "key='stem' finds it" in message


def test_one_store_per_files_policy_and_version(write, tmp_path):
    path = write({'a': 'one'})
    store = CaptionStore.load(path)
    assert CaptionStore.load([os.path.relpath(path)]) is store
    assert CaptionStore.load(path, key='stem') is not store
    assert copy.copy(store) is store and copy.deepcopy({'s': store})['s'] is store
    write({'a': 'another'})
    assert CaptionStore.load(path).find('a') == ['another']
    assert store.find('a') == ['one']


def test_pickle_is_compact_and_complete(write):
    captions = {f'{n:06d}': f'a photo of {n} dogs' for n in range(1000)}
    store = CaptionStore.load(write(captions))
    pickled = pickle.dumps(store)
    # Text, and one 8-byte offset per key, caption and entry.
    text = sum(len(f'{key}.*{caption}') for key, caption in captions.items())
    assert len(pickled) < text + 3 * 8 * 1001 + 1000
    assert pickle.loads(pickled).find('/x/000999.png') == ['a photo of 999 dogs']


def test_load_is_logged_once(write, tmp_path):
    name = 'test_load_is_logged_once'
    log = tmp_path / 'run.log'
    MMLogger.get_instance(name, log_file=str(log))
    try:
        path = write({'a': 'one', 'b': 'two'})
        stores = [CaptionStore.load(path) for _ in range(3)]
    finally:
        MMLogger._instance_dict.pop(name)
    assert len(stores) == 3
    assert log.read_text().count(f'{path} (keys read as stem)') == 1
    assert log.read_text().count('2 images') == 1
