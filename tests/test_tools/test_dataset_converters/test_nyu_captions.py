"""tools/dataset_converters/nyu_captions.py"""

import json
import os
import runpy
import sys
from pathlib import Path

import mmseg
import pytest

from mmtadp.captions import CaptionStore
from tests.test_tools.test_dataset_converters.conftest import snapshot

COUNTS = ('--expected', 'train=2', 'test=1')
AUTHORS = {
    '/kitchen_0028b/rgb_00045.jpg': {'captions': ['a kitchen', 'a kitchen'], 'class_label': 6},
    '/living_room_0019/rgb_00111.jpg': {'captions': ['a living room']},
    '/bathroom/rgb_00045.jpg': {'captions': ['a bathroom']},
}
STEMS = ('kitchen_0028b_00045', 'living_room_0019_00111', 'bathroom_00045')


@pytest.fixture
def data(tmp_path) -> Path:
    """Two images to train on and one to test on, as mmsegmentation names them."""
    for split, names in dict(train=STEMS[:2], test=STEMS[2:]).items():
        folder = tmp_path / 'data' / 'nyu' / 'images' / split
        folder.mkdir(parents=True)
        for name in names:
            (folder / f'{name}.jpg').touch()
    return tmp_path / 'data'


def write(data: Path, entries: object, name: str = 'captions.json') -> Path:
    (data / name).write_text(json.dumps(entries))
    return data / name


def test_authors_keys_become_stems(converter, data):
    file = write(data, AUTHORS)
    result = converter('nyu_captions', file, *COUNTS)
    assert result == (
        0,
        f'NYU captions in {file}\n  captions: 3\n  train: 2\n  test: 1\n  wrote {file}\n'
        '  complete\n',
        '',
    )
    assert json.loads(file.read_text()) == dict(zip(STEMS, AUTHORS.values()))
    store = CaptionStore.load(file)
    assert store.policies == ('stem',)
    assert store.find('data/nyu/images/train/kitchen_0028b_00045.jpg') == ['a kitchen']
    assert store.find('data/nyu/images/test/bathroom_00045.jpg') == ['a bathroom']


def test_keys_are_what_upstreams_converter_makes_of_the_paths(converter, tmp_path, monkeypatch):
    paths = dict(train=list(AUTHORS)[:2], test=list(AUTHORS)[2:])
    for split, images in paths.items():
        lines = []
        for image in images:
            depth = image.replace('rgb_', 'sync_depth_').replace('.jpg', '.png')
            lines.append(f'{image} {depth} 518.8579\n')
            for path in (image, depth):
                (tmp_path / f'raw{path}').parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / f'raw{path}').touch()
        (tmp_path / 'raw' / f'nyu_{split}.txt').write_text(''.join(lines))
    script = Path(mmseg.__file__).parent / '.mim' / 'tools' / 'dataset_converters' / 'nyu.py'
    out = tmp_path / 'data' / 'nyu'
    monkeypatch.setattr(sys, 'argv', [str(script), str(tmp_path / 'raw'), '-o', str(out)])
    runpy.run_path(str(script), run_name='__main__')
    file = write(tmp_path / 'data', AUTHORS)
    assert converter('nyu_captions', file, *COUNTS).code == 0
    images = {path.stem for path in out.glob('images/*/*.jpg')}
    assert set(json.loads(file.read_text())) == images == set(STEMS)


def test_a_second_run_writes_nothing(converter, data):
    file = write(data, AUTHORS)
    other = data / 'renamed.json'
    for arguments in ([], ['--out', other]):
        converter('nyu_captions', file, *COUNTS, *arguments)
        before = snapshot(data)
        result = converter('nyu_captions', file, *COUNTS, *arguments)
        assert result.code == 0
        assert 'are already right' in result.out
        assert snapshot(data) == before


def test_the_source_stays_with_out(converter, data):
    file = write(data, AUTHORS)
    assert converter('nyu_captions', file, '--out', data / 'out.json', *COUNTS).code == 0
    assert json.loads(file.read_text()) == AUTHORS
    assert tuple(json.loads((data / 'out.json').read_text())) == STEMS


@pytest.mark.parametrize(
    'key',
    [
        'kitchen_0028b/rgb_00045.jpg',
        'train/kitchen_0028b/rgb_00045.jpg',
        '/data/nyu_depth_v2/sync/kitchen_0028b/rgb_00045.png',
        'kitchen_0028b/rgb_00045',
        'kitchen_0028b_00045',
        'train/kitchen_0028b_00045.jpg',
    ],
)
def test_ways_to_write_a_key(converter, data, key):
    file = write(data, {key: 'a kitchen'})
    converter('nyu_captions', file, *COUNTS)
    assert json.loads(file.read_text()) == {'kitchen_0028b_00045': 'a kitchen'}


def test_coco_captions(converter, data):
    coco = {
        'images': [{'id': 1, 'file_name': 'kitchen_0028b/rgb_00045.jpg'}],
        'annotations': [{'image_id': 1, 'caption': 'a kitchen '}],
    }
    file = write(data, coco)
    converter('nyu_captions', file, *COUNTS)
    assert json.loads(file.read_text()) == {'kitchen_0028b_00045': {'captions': ['a kitchen']}}


def test_unmatched_on_both_sides(converter, data):
    entries = dict(AUTHORS)
    del entries['/living_room_0019/rgb_00111.jpg']
    entries['/study/rgb_00644.jpg'] = {'captions': ['a study']}
    file = write(data, entries)
    result = converter('nyu_captions', file, *COUNTS)
    assert result.code == 1
    assert 'captions without an image, kept: 1 (study_00644)' in result.out
    assert result.err == (
        '1 problem:\n  - images without a caption in data/nyu/images/train (1): '
        "living_room_0019_00111.jpg. Caption them, or set missing='null' in the config.\n"
    )
    # Written all the same, with the caption that has no image.
    renamed = json.loads(file.read_text())
    assert set(renamed) == {'kitchen_0028b_00045', 'bathroom_00045', 'study_00644'}


def test_published_numbers(converter, data):
    result = converter('nyu_captions', write(data, AUTHORS))
    assert 'train: found 2, expected 24,231. Make it with mmsegmentation' in result.err
    assert 'test: found 1, expected 654.' in result.err


def test_keys_of_other_datasets(converter, data):
    keys = ('ADE_train_00000001.jpg', 'kitchen_0028b_00045', 'rgb_00045.jpg', '2008_000002')
    file = write(data, dict.fromkeys(keys, 'a caption'))
    before = snapshot(data)
    result = converter('nyu_captions', file, *COUNTS)
    assert result.code == 2
    assert result.err == (
        f'error: {file}: 3 of 4 keys do not name images of NYU, such as '
        "'/kitchen_0028b/rgb_00045.jpg' "
        "or 'kitchen_0028b_00045': 'ADE_train_00000001.jpg', 'rgb_00045.jpg', '2008_000002'.\n"
    )
    assert snapshot(data) == before


def test_captions_of_other_images(converter, data):
    file = write(data, {'/study/rgb_00644.jpg': 'a study'})
    before = snapshot(data)
    result = converter('nyu_captions', file, *COUNTS)
    assert result.code == 2
    assert 'in data/nyu, so nothing is written' in result.err
    assert 'study_00644.jpg' in result.err
    assert snapshot(data) == before


def test_two_keys_of_one_image(converter, data):
    keys = ('/kitchen_0028b/rgb_00045.jpg', 'kitchen_0028b_00045')
    file = write(data, dict.fromkeys(keys, 'a kitchen'))
    converter('nyu_captions', file, *COUNTS)
    assert json.loads(file.read_text()) == {'kitchen_0028b_00045': 'a kitchen'}
    file = write(data, dict(zip(keys, ('a kitchen', 'a bathroom'))))
    before = snapshot(data)
    result = converter('nyu_captions', file, *COUNTS)
    assert result.code == 2
    assert f'{file}: keys {keys[0]!r} and {keys[1]!r} are both kitchen_0028b_00045' in result.err
    assert snapshot(data) == before


def test_what_has_to_be_there(converter, data):
    result = converter('nyu_captions', data / 'captoins.json')
    assert result.code == 2
    assert f'caption file not found: {data / "captoins.json"}' in result.err
    (data / 'broken.json').write_text('{')
    assert 'not JSON' in converter('nyu_captions', data / 'broken.json').err
    file = write(data, AUTHORS)
    os.rename(data / 'nyu', data / 'NYU')
    result = converter('nyu_captions', file)
    assert result.err.startswith('error: data/nyu is not a folder. Make it with mmsegmentation')
    assert converter('nyu_captions', file, '--root', data / 'NYU', *COUNTS).code == 0
