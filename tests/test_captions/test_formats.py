import json

import pytest

from mmtadp.captions import CaptionFileError
from mmtadp.captions.formats import read_caption_file


@pytest.fixture
def write(tmp_path):
    def write(data, name='captions.json'):
        path = tmp_path / name
        path.write_text(data if isinstance(data, str) else json.dumps(data), encoding='utf-8')
        return str(path)

    return write


@pytest.mark.parametrize(
    'data',
    [
        {'a': {'captions': ['a dog', 'a cat'], 'class_label': 3}, 'b': {'captions': ['a bus']}},
        {'a': ['a dog', 'a cat'], 'b': 'a bus'},
        {
            'info': {},
            'images': [
                {'id': 7, 'file_name': 'a'},
                {'id': 8, 'file_name': 'b'},
                {'id': 9, 'file_name': 'no_caption'},
            ],
            'annotations': [
                {'id': 1, 'image_id': 8, 'caption': 'a bus'},
                {'id': 2, 'image_id': 7, 'caption': 'a dog'},
                {'id': 3, 'image_id': 7, 'caption': 'a cat'},
            ],
        },
    ],
)
def test_schemas_read_the_same(write, data):
    assert read_caption_file(write(data)) == {'a': ('a dog', 'a cat'), 'b': ('a bus',)}


def test_captions_are_whole_strings_not_letters(write):
    # The published code indexes into the string.
    assert read_caption_file(write({'a': 'dog'})) == {'a': ('dog',)}


def test_white_space_and_repeats_go(write):
    data = {'a': [' a dog\n', 'a dog', 'a cat'], 'blank': {'captions': [' ']}, 'none': []}
    assert read_caption_file(write(data)) == {
        'a': ('a dog', 'a cat'),
        'blank': ('',),
        'none': ('',),
    }


def test_images_may_be_called_images_and_annotations(write):
    data = {'images': ['a gallery'], 'annotations': ['a page']}
    assert read_caption_file(write(data)) == {'images': ('a gallery',), 'annotations': ('a page',)}


def test_text_beyond_ascii_and_byte_order_mark(write):
    path = write('\ufeff' + json.dumps({'crème': 'a café 🐕'}))
    assert read_caption_file(path) == {'crème': ('a café 🐕',)}


@pytest.mark.parametrize(
    ('data', 'words'),
    [
        ([1, 2], ['list [1, 2]', 'Accepted schemas']),
        ({}, ['holds no captions']),
        ({'a': 3, 'b': 'fine', 'c': 4}, ["key 'a'", 'int 3', 'and 1 more', 'Accepted schemas']),
        ({'a': None}, ["key 'a'", 'NoneType None']),
        ({'a': ['fine', 5]}, ["key 'a'", 'caption 1 is int 5']),
        ({'a': {'caption': 'x'}}, ["key 'a'", 'without "captions"']),
        ({'a': {'captions': 'x'}}, ["key 'a'", "str 'x'", 'not a list']),
        ({'': 'a dog'}, ['key is empty']),
        ('{"a": "\\ud83d"}', ["key 'a'", 'surrogate']),
        ('{"a": "x",\n "b" "y"}', ['not JSON', 'line 2, column 6']),
        ('', ['not JSON', 'line 1, column 1']),
        ('{"a": "x", "a": "y"}', ["key 'a' is given twice", "'x'", "'y'"]),
    ],
)
def test_bad_content_names_file_key_and_finding(write, data, words):
    path = write(data)
    with pytest.raises(CaptionFileError) as error:
        read_caption_file(path)
    for word in [path, *words]:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ('images', 'annotations', 'words'),
    [
        ([{'id': 1}], [], ['images[0]', 'file_name']),
        ([{'id': 1, 'file_name': 'a'}], [{'image_id': 1, 'bbox': []}], ['instances']),
        ([{'id': 1, 'file_name': 'a'}], [{'image_id': 2, 'caption': 'x'}], ['image_id 2']),
        ([{'id': 1, 'file_name': 'a'}], [{'image_id': 1, 'caption': 3}], ["'a'", 'int 3']),
        ([{'id': 1, 'file_name': 'a'}, {'id': 1, 'file_name': 'b'}], [], ['repeats id 1']),
        ([{'id': 1, 'file_name': 'a'}, {'id': 2, 'file_name': 'a'}], [], ["file_name 'a'"]),
        ([{'id': 1, 'file_name': 'a'}], [], ['holds no captions']),
    ],
)
def test_bad_coco_names_the_record(write, images, annotations, words):
    path = write({'images': images, 'annotations': annotations})
    with pytest.raises(CaptionFileError) as error:
        read_caption_file(path)
    for word in [path, *words]:
        assert word in str(error.value)


def test_not_utf8(tmp_path):
    path = tmp_path / 'latin1.json'
    path.write_bytes('{"a": "café"}'.encode('latin-1'))
    with pytest.raises(CaptionFileError, match='not UTF-8 text at byte 10'):
        read_caption_file(str(path))


def test_missing_file_lists_what_is_near(write, tmp_path):
    write({'a': 'x'}, 'ade20k_min40.json')
    with pytest.raises(FileNotFoundError, match=r'Similar names there: ade20k_min40\.json'):
        read_caption_file(str(tmp_path / 'ade20k_min20.json'))
    with pytest.raises(FileNotFoundError, match=r'folder exists and holds ade20k_min40\.json'):
        read_caption_file(str(tmp_path / 'zzz'))
    with pytest.raises(FileNotFoundError, match=f'exists up to {tmp_path} only'):
        read_caption_file(str(tmp_path / 'no' / 'such' / 'x.json'))
    with pytest.raises(FileNotFoundError, match=r'is a folder and holds ade20k_min40\.json'):
        read_caption_file(str(tmp_path))
