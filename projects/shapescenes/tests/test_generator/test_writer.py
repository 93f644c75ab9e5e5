import hashlib
import json
import multiprocessing
import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from mmtadp.utils.errors import RunError
from mmtadp.utils.folder_lock import FolderInUseError, FolderLock
from projects.shapescenes.generator import (
    CLASSES,
    OBJECT_CLASSES,
    render_scene,
    sample_scene,
    scene_captions,
    visible_boxes,
    write_dataset,
    writer,
)
from tests.utils.processes import prepared_processes

REQUEST = dict(num_training=6, num_validation=3, size=32)

HASHES = {
    'images/training/training_000001.png': 'ef9dd9a982cfef04',
    'annotations/training/training_000001.png': '25860420a52235e3',
    'depth/validation/validation_000000.png': '4956b044004932a7',
    'captions.json': 'e1dd34e6fbcb435e',
    'instances_training.json': 'ed5e37b5cf51ef51',
}


def contents(folder: Path) -> dict:
    """Relative path to bytes of every file."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('shapes')
    write_dataset(root, domains=['day', 'night'], **REQUEST)
    return root


def test_layout(root):
    files = set(contents(root / 'day'))
    stems = [f'training/training_{i:06d}.png' for i in range(6)]
    stems += [f'validation/validation_{i:06d}.png' for i in range(3)]
    pictures = {f'{kind}/{stem}' for kind in ('images', 'annotations', 'depth') for stem in stems}
    assert files == pictures | {
        'captions.json',
        'instances_training.json',
        'instances_validation.json',
        'shapescenes.json',
    }


def test_domains_share_all_but_the_images(root):
    day, night = contents(root / 'day'), contents(root / 'night')
    assert day.keys() == night.keys()
    differing = {name for name in day if day[name] != night[name]}
    assert differing == {name for name in day if name.startswith('images/')} | {'shapescenes.json'}


def test_files_hold_what_is_rendered(root):
    scene = sample_scene(0, 1, 2)
    rendering = render_scene(scene, 32)

    def read(kind: str) -> np.ndarray:
        path = root / 'day' / kind / 'validation' / 'validation_000002.png'
        return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)

    assert np.array_equal(read('images')[..., ::-1], rendering.image)
    assert np.array_equal(read('annotations'), rendering.mask)
    assert np.array_equal(read('depth'), rendering.depth)
    captions = json.loads((root / 'day' / 'captions.json').read_text())
    assert len(captions) == 9
    assert captions['validation_000002']['captions'] == scene_captions(scene)
    assert captions['validation_000002']['class_label'] in range(8)


def test_coco_boxes(root):
    coco = json.loads((root / 'day' / 'instances_validation.json').read_text())
    assert [c['name'] for c in coco['categories']] == list(OBJECT_CLASSES)
    assert [c['id'] for c in coco['categories']] == list(range(1, 25))
    assert [image['file_name'] for image in coco['images']] == [
        f'validation_{i:06d}.png' for i in range(3)
    ]
    scene = sample_scene(0, 1, 1)
    expected = {
        (OBJECT_CLASSES.index(scene.objects[i].name) + 1, *box)
        for i, box in visible_boxes(render_scene(scene, 32).instances).items()
    }
    found = [a for a in coco['annotations'] if a['image_id'] == 2]
    assert {(a['category_id'], *a['bbox'], a['area']) for a in found} == expected
    ids = [a['id'] for a in coco['annotations']]
    assert ids == list(range(1, len(ids) + 1))


def digest(file: Path) -> str:
    """Hash the pixels of an image, or the bytes of another file."""
    is_image = file.suffix == '.png'
    data = cv2.imread(str(file), cv2.IMREAD_UNCHANGED).tobytes() if is_image else file.read_bytes()
    return hashlib.sha256(data).hexdigest()[:16]


def test_content_is_the_same_everywhere(tmp_path):
    """Hashes made once, for the default size and seed."""
    write_dataset(tmp_path, num_training=2, num_validation=1)
    found = {name: digest(tmp_path / 'day' / name) for name in HASHES}
    assert found == HASHES


@pytest.mark.slow
def test_same_bytes_from_several_processes(root, tmp_path):
    write_dataset(tmp_path, workers=2, **REQUEST)
    assert contents(tmp_path / 'day') == contents(root / 'day')


def test_another_seed_is_another_set(root, tmp_path):
    write_dataset(tmp_path, seed=1, **REQUEST)
    old, new = contents(root / 'day'), contents(tmp_path / 'day')
    assert old.keys() == new.keys()
    assert all(old[name] != new[name] for name in old if name.startswith('images/'))


def test_a_complete_set_is_left_alone(root, monkeypatch):
    """Neither rendered nor written again, nor are its pictures read."""
    for name in ('_write_scene', '_write_json'):
        monkeypatch.setattr(writer, name, lambda *args: pytest.fail('not left alone'))
    opened, open_file = [], Path.open

    def record(path, *args, **kwargs):
        opened.append(path.name)
        return open_file(path, *args, **kwargs)

    monkeypatch.setattr(Path, 'open', record)  # which the other ways to read a file go through
    write_dataset(root, domains=['day', 'night'], **REQUEST)
    assert opened == ['shapescenes.json'] * 2


def test_lost_files_are_written_again(tmp_path):
    write_dataset(tmp_path, **REQUEST)
    before = contents(tmp_path)
    (tmp_path / 'day' / 'depth' / 'training' / 'training_000004.png').unlink()
    write_dataset(tmp_path, **REQUEST)
    assert contents(tmp_path) == before


def _killed_at(index: int, root: Path, request: dict) -> None:
    """Writes a dataset in a process that dies between the files of a scene and its record."""

    def write_and_die(job):
        record = write_scene(job)
        if job.index == index:
            os.kill(os.getpid(), signal.SIGKILL)
        return record

    write_scene = writer._write_scene
    writer._write_scene = write_and_die
    write_dataset(root, **request)


def test_continues_after_being_killed(tmp_path):
    """SIGKILL in the middle; the next call writes the rest and leaves what is there."""
    request = dict(num_training=40, num_validation=5, size=64)
    process = prepared_processes().Process(
        target=_killed_at, args=(20, tmp_path / 'killed', request)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    folder = tmp_path / 'killed' / 'day'
    written = sorted(folder.glob('images/training/*.png'))
    assert len(written) == 21
    assert not json.loads((folder / 'shapescenes.json').read_text())['complete']
    before = [path.stat().st_mtime_ns for path in written[:20]]

    write_dataset(tmp_path / 'killed', **request)
    assert [path.stat().st_mtime_ns for path in written[:20]] == before
    write_dataset(tmp_path / 'whole', **request)
    assert contents(tmp_path / 'killed') == contents(tmp_path / 'whole')


def test_a_record_that_was_cut_off_is_made_again(tmp_path, monkeypatch):
    def interrupted(job):
        if job.index == 4:
            raise KeyboardInterrupt
        return write_scene(job)

    write_scene = writer._write_scene
    monkeypatch.setattr(writer, '_write_scene', interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / 'cut', **REQUEST)
    monkeypatch.undo()
    partial = tmp_path / 'cut' / 'day' / 'records.partial.jsonl'
    os.truncate(partial, partial.stat().st_size - 20)
    write_dataset(tmp_path / 'cut', **REQUEST)
    write_dataset(tmp_path / 'whole', **REQUEST)
    assert contents(tmp_path / 'cut') == contents(tmp_path / 'whole')


def test_another_request_is_refused(root):
    with pytest.raises(FileExistsError, match='size is 32, asked for 64; seed is 0, asked for 3'):
        write_dataset(root, **{**REQUEST, 'size': 64, 'seed': 3})


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / 'day').mkdir()
    (tmp_path / 'day' / 'photo.jpg').touch()
    with pytest.raises(FileExistsError, match='no shapescenes.json'):
        write_dataset(tmp_path, **REQUEST)
    assert [p.name for p in (tmp_path / 'day').iterdir()] == ['photo.jpg']


@pytest.mark.parametrize(
    ('change', 'message'),
    (
        (dict(domains=['dawn']), r"\['dawn'\]; expected some of .*'night'"),
        (dict(domains=[]), 'expected some of'),
        (dict(num_training=0), 'num_training is 0; expected at least 1'),
        (dict(size=8), 'size is 8; expected at least 32'),
        (dict(seed=-1), 'seed is -1'),
    ),
)
def test_bad_arguments(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        write_dataset(tmp_path, **{**REQUEST, **change})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('content', 'found'),
    [('{"complete": tr', 'not JSON'), ('{}', "no entry 'complete'"), ('[]', 'a list')],
)
def test_a_damaged_manifest_names_itself(tmp_path, content, found):
    path = tmp_path / 'day' / 'shapescenes.json'
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(RunError, match=f'shapescenes.json is damaged.*{found}.*delete this one'):
        write_dataset(tmp_path, **REQUEST)


def test_damaged_records_name_themselves(tmp_path):
    path = tmp_path / 'day' / 'records.partial.jsonl'
    path.parent.mkdir()
    manifest = dict(generator_version=1, domain='day', complete=False, seed=0, size=32)
    manifest.update(training=6, validation=3)
    (path.parent / 'shapescenes.json').write_text(json.dumps(manifest))
    path.write_text('{"stem": "training_000000"}\n')
    with pytest.raises(RunError, match="partial.jsonl, line 1 is damaged: it has no .*'captions'"):
        write_dataset(tmp_path, **REQUEST)


def test_a_second_process_is_refused(tmp_path):
    context = multiprocessing.get_context('fork')
    pipe, other = context.Pipe()

    def hold():
        with FolderLock(tmp_path):
            other.send('locked')
            other.recv()

    process = context.Process(target=hold)
    process.start()
    try:
        assert pipe.recv() == 'locked'
        with pytest.raises(FolderInUseError, match=f'another process is at work in {tmp_path}'):
            write_dataset(tmp_path, **REQUEST)
    finally:
        pipe.send('end')
        process.join()
    assert [path.name for path in tmp_path.iterdir()] == ['.lock']


def test_the_config_reads_it_with_stock_datasets(root, repository):
    cfg = Config.fromfile(
        repository / 'projects/shapescenes/configs/_base_' / 'datasets' / 'shapescenes.py'
    )
    assert tuple(cfg.metainfo.classes) == CLASSES
    assert len({tuple(colour) for colour in cfg.metainfo.palette}) == 25
    assert cfg.data_root == 'data/shapescenes/day'
    for loader, count in ((cfg.train_dataloader, 6), (cfg.val_dataloader, 3)):
        loader.dataset.data_root = str(root / 'day')
        loader.dataset.pipeline[0].ann_file = str(root / 'day' / 'captions.json')
        with DefaultScope.overwrite_default_scope('mmseg'):
            dataset = DATASETS.build(loader.dataset)
        assert type(dataset).__name__ == 'BaseSegDataset' and len(dataset) == count
        sample = dataset[1]
        assert sample['inputs'].shape == (3, 32, 32)
        split = 'training' if count == 6 else 'validation'
        scene = sample_scene(0, int(split == 'validation'), 1)
        assert sample['data_samples'].caption == scene_captions(scene)[0]
        mask = sample['data_samples'].gt_sem_seg.data[0].numpy()
        expected = render_scene(scene, 32).mask
        flipped = sample['data_samples'].metainfo.get('flip', False)
        assert np.array_equal(mask, expected[:, ::-1] if flipped else expected)


def test_mmdet_reads_the_boxes(root):
    config = dict(
        type='CocoDataset',
        data_root=str(root / 'day'),
        ann_file='instances_training.json',
        data_prefix=dict(img='images/training'),
        metainfo=dict(classes=OBJECT_CLASSES),
        pipeline=[],
    )
    with DefaultScope.overwrite_default_scope('mmdet'):
        dataset = DATASETS.build(config)
    assert len(dataset) == 6
    scene = sample_scene(0, 0, 3)
    labels = sorted(instance['bbox_label'] for instance in dataset[3]['instances'])
    assert labels == sorted(OBJECT_CLASSES.index(obj.name) for obj in scene.objects)
