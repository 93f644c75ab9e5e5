import os
from pathlib import Path

import pytest
from mmengine.config import Config
from PIL import Image

from mmtadp.utils.config_datasets import config_images
from mmtadp.utils.errors import RunError
from mmtadp.utils.image_sources import find_images


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def names(images, folder: Path) -> list[str]:
    return [os.path.relpath(image.path, folder) for image in images]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return touch(tmp_path / 'data', 'b.PNG', 'a.jpg', 'night/c.webp', 'night/._c.webp', 'x.json')


def test_folder_with_its_subfolders(folder):
    images = find_images(str(folder))
    assert names(images, folder) == ['a.jpg', 'b.PNG', 'night/c.webp']
    assert {image.root for image in images} == {str(folder)}


def test_links_to_folders_are_followed_once(folder):
    (folder / 'night' / 'up').symlink_to(folder)
    (folder / 'more').symlink_to(touch(folder.parent / 'elsewhere', 'd.png'))
    assert names(find_images(str(folder)), folder) == [
        'a.jpg',
        'b.PNG',
        'more/d.png',
        'night/c.webp',
    ]


def test_relative_paths_become_absolute(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert find_images('data')[0] == (str(folder / 'a.jpg'), str(folder))


def test_glob(folder):
    images = find_images(f'{folder}/**/*.[jw]*')
    assert names(images, folder) == ['a.jpg', 'night/c.webp']
    assert {image.root for image in images} == {str(folder)}


def test_one_image(folder):
    assert find_images(str(folder / 'a.jpg')) == [(str(folder / 'a.jpg'), str(folder))]


def test_list_in_its_own_order_without_repetitions(folder):
    path = folder / 'list.txt'
    path.write_text('night/c.webp\n\nb\na.jpg\ttruncated file\r\na.jpg\ngone.png\n')
    assert names(find_images(str(path)), folder) == ['night/c.webp', 'b.PNG', 'a.jpg', 'gone.png']


def test_list_with_another_root(folder, tmp_path):
    (tmp_path / 'train.txt').write_text('c\n')
    images = find_images(str(tmp_path / 'train.txt'), root=str(folder / 'night'))
    assert images == [(str(folder / 'night/c.webp'), str(folder / 'night'))]
    with pytest.raises(RunError, match='none of the 1 images it lists exists.*--root'):
        find_images(str(tmp_path / 'train.txt'))


def test_list_of_another_system(tmp_path):
    """Names in another Unicode form, as after unpacking on a Mac, and backslashes."""
    files = ['caf\u00e9.png', 'stra\u0308sse.jpg', 'night/a.png']
    touch(tmp_path, *files)
    (tmp_path / 'list.txt').write_text('cafe\u0301.png\nstr\u00e4sse\nnight\\a.png\n', 'utf-8')
    assert names(find_images(str(tmp_path / 'list.txt')), tmp_path) == files


def test_list_with_columns(folder):
    (folder / 'list.txt').write_text('a.jpg a.png 518.8\nb.PNG b.png 518.8\n')
    with pytest.raises(RunError, match="more than a path, such as 'a.jpg a.png 518.8'. Keep the"):
        find_images(str(folder / 'list.txt'))


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs named pipes')
def test_pipe(tmp_path):
    os.mkfifo(tmp_path / 'list.txt')
    with pytest.raises(RunError, match='is a pipe or a device. Expected a folder'):
        find_images(str(tmp_path / 'list.txt'))


def test_nothing_there(folder, tmp_path):
    with pytest.raises(RunError, match="'nowhere' does not exist. Expected a folder"):
        find_images('nowhere')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(RunError, match='has no image; known extensions'):
        find_images(str(tmp_path / 'empty'))
    with pytest.raises(RunError, match='has no image'):
        find_images(f'{folder}/*.gif')


CONFIG = """
default_scope = 'mmseg'
pipeline = [dict(type='mmtadp.CaptionLoadTransform', ann_file='not_made_yet.json')]
def_ = dict(type='BaseSegDataset', data_root='{root}', img_suffix='.png', pipeline=pipeline)
train_dataloader = dict(dataset=dict(type='RepeatDataset', times=5, dataset=dict(
    type='ConcatDataset', datasets=[
        dict(**def_, data_prefix=dict(img_path='day')),
        dict(**def_, data_prefix=dict(img_path='night'), indices=1),
    ])))
val_dataloader = dict(dataset=dict(**def_, data_prefix=dict(img_path='night')))
test_dataloader = val_dataloader
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    touch(tmp_path / 'data', 'day/a.png', 'day/b.png', 'night/a.png', 'night/c.png', 'night/d.jpg')
    path = tmp_path / 'config.py'
    path.write_text(CONFIG.replace('{root}', str(tmp_path / 'data')))
    return path


def test_config_of_mmseg(config):
    data = config.parent / 'data'
    images = find_images(str(config))
    assert names(images, data) == ['day/a.png', 'day/b.png', 'night/a.png', 'night/c.png']
    assert [Path(image.root).name for image in images] == ['day', 'day', 'night', 'night']
    assert {image.root for image in find_images(str(config), root=str(data))} == {str(data)}


def test_one_split_of_a_config(config):
    images = find_images(str(config), splits=('val',))
    assert names(images, config.parent / 'data') == ['night/a.png', 'night/c.png']
    assert len(config_images(Config.fromfile(config), 'config', ('train',))) == 3


def test_overridden_config(config, tmp_path):
    touch(tmp_path / 'other', 'x.png')
    options = {'val_dataloader.dataset.data_root': str(tmp_path / 'other')}
    options['val_dataloader.dataset.data_prefix.img_path'] = '.'
    images = find_images(str(config), splits=('val',), cfg_options=options)
    assert names(images, tmp_path) == ['other/x.png']


def test_config_whose_data_are_not_there(config):
    options = {'val_dataloader.dataset.data_prefix.img_path': 'gone'}
    with pytest.raises(RunError, match='dataset of val_dataloader cannot be read .*gone'):
        find_images(str(config), cfg_options=options)


def test_config_without_datasets(tmp_path):
    (tmp_path / 'empty.py').write_text("default_scope = 'mmseg'\n")
    with pytest.raises(RunError, match='has no dataset in train_dataloader or'):
        find_images(str(tmp_path / 'empty.py'))


def test_config_of_mmdet(tmp_path):
    for name in ('a', 'b'):
        (tmp_path / 'VOC2007/JPEGImages').mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (8, 8)).save(tmp_path / f'VOC2007/JPEGImages/{name}.jpg')
        (tmp_path / 'VOC2007/Annotations').mkdir(parents=True, exist_ok=True)
        # No object in it: a filter would drop the image.
        (tmp_path / f'VOC2007/Annotations/{name}.xml').write_text(
            '<annotation><size><width>8</width><height>8</height></size></annotation>'
        )
    (tmp_path / 'train.txt').write_text('a\nb\n')
    dataset = dict(
        type='VOCDataset',
        data_root=str(tmp_path),
        ann_file='train.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=[dict(type='LoadImageFromFile')],
    )
    config = Config(dict(default_scope='mmdet', train_dataloader=dict(dataset=dataset)))
    images = config_images(config, 'config')
    assert [os.path.relpath(path, tmp_path) for path, _ in images] == [
        'VOC2007/JPEGImages/a.jpg',
        'VOC2007/JPEGImages/b.jpg',
    ]


def test_configs_of_the_project_with_real_photographs(repository, shared):
    options = {}
    for split in ('train', 'val', 'test'):
        options[f'{split}_dataloader.dataset.data_root'] = str(shared / 'camvid')
        options[f'{split}_dataloader.dataset.img_suffix'] = '.png'
    config = str(repository / 'configs/tadp/tadp40_ade20k_4k.py')
    # Its captions are what is to be made: the file that its pipelines name is not there.
    images = find_images(config, cfg_options=options)
    assert len(images) == 118
    assert {Path(image.root).name for image in images} == {'training', 'validation'}


def test_real_photographs(shared):
    images = find_images(str(shared / 'camvid' / 'images'))
    assert len(images) == 118
    assert len(find_images(f'{shared}/camvid/images/validation/*.png')) == 26
    voc = shared / 'samples/VOCdevkit/VOC2012'
    assert [Path(image.path).suffix for image in find_images(str(voc))] == ['.jpg']
