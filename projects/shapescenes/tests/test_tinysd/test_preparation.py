import json
import shutil
from pathlib import Path

import pytest

from mmtadp.captioning.cleaning import OfflineCleaner, Vocabulary
from mmtadp.captions import find_nouns
from projects.shapescenes.tinysd.preparation import CAPTIONS, SHIPPED, copy_shipped, prepare

SCENES = dict(domains=['day', 'night'], num_training=3, num_validation=2, size=64)


def captions(file: Path) -> dict[str, str]:
    entries = json.loads(file.read_text())
    return {key: entry['captions'][0] for key, entry in entries.items()}


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('data') / 'shapescenes'
    prepare(root, **SCENES)
    return root


@pytest.mark.parametrize('domain', ('day', 'night'))
def test_captions_of_every_image(root, domain, tiny_tagger):
    prepare(root, **SCENES, captions=CAPTIONS)
    files = {kind: captions(root / domain / f'captions_{kind}.json') for kind in CAPTIONS}
    images = {
        str(path.relative_to(root / domain / 'images'))
        for path in (root / domain / 'images').rglob('*.png')
    }
    assert len(images) == 5
    assert all(of.keys() == images for of in files.values())
    long, short, nouns, clean = files.values()
    cleaner = OfflineCleaner(Vocabulary.load('night')) if domain == 'night' else str
    for key in images:
        assert len(long[key].split()) > len(short[key].split()) >= 4
        assert nouns[key].split() == [*find_nouns(long[key])]
        assert clean[key] == cleaner(long[key])


def test_models_are_those_of_the_package(root):
    for name, source in SHIPPED.items():
        files = [path.relative_to(source) for path in source.rglob('*') if path.is_file()]
        assert files
        assert all((root / name / f).read_bytes() == (source / f).read_bytes() for f in files)
    assert (root / 'untrained' / 'unet' / 'config.json').is_file()


def test_what_is_there_is_left_alone(root):
    def stamps() -> dict:
        return {path: path.stat().st_mtime_ns for path in root.rglob('*') if path.is_file()}

    before = stamps()
    prepare(root, **SCENES)
    assert stamps() == before


def test_a_folder_that_has_moved_is_left_alone(root, tmp_path):
    moved = shutil.copytree(root, tmp_path / 'elsewhere' / 'shapescenes')
    shutil.rmtree(moved / 'night')
    prepare(moved, **{**SCENES, 'domains': ['day']})
    provenance = moved / 'day' / 'captions_long.provenance.json'
    assert provenance.read_bytes() == (root / 'day' / provenance.name).read_bytes()
    settings = json.loads(provenance.read_text())['settings']
    assert (settings['model'], settings['input']) == ('../captioner', 'images')


def test_other_weights_are_an_error(tmp_path):
    copy_shipped('captioner', tmp_path / 'captioner')
    (tmp_path / 'captioner' / 'README.md').write_text('An older card.')
    copy_shipped('captioner', tmp_path / 'captioner')
    (tmp_path / 'captioner' / 'model.safetensors').write_bytes(b'another')
    with pytest.raises(FileExistsError, match='captioner.*model.safetensors differs'):
        copy_shipped('captioner', tmp_path / 'captioner')


def test_unknown_captions_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="'lnog'.*expected some of"):
        prepare(tmp_path, captions=['lnog'])
    assert not any(tmp_path.iterdir())
