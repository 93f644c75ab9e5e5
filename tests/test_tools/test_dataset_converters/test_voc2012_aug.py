"""tools/dataset_converters/voc2012_aug.py"""

from pathlib import Path

import pytest
from PIL import Image

from tests.test_tools.test_dataset_converters.conftest import read_mask, snapshot, write_image

LIST = 'ImageSets/Segmentation/trainaug.txt'
COUNTS = ('--expected', 'trainaug=5', 'train=2', 'val=2')


@pytest.fixture
def voc(tmp_path) -> Path:
    """Two images to train on, two to validate on, three of SBD."""
    root = tmp_path / 'VOC2012'
    names = dict(train=['2007_1', '2007_2'], val=['2007_3', '2007_4'], sbd=['c', 'a', 'b'])
    for split, members in names.items():
        for name in members:
            write_image(root / 'JPEGImages' / f'{name}.jpg', mode='RGB')
            write_image(root / 'SegmentationClassAug' / f'{name}.png', value=1)
            if split != 'sbd':
                write_image(root / 'SegmentationClass' / f'{name}.png', mode='P', value=15)
    lists = root / 'ImageSets' / 'Segmentation'
    lists.mkdir(parents=True)
    for split in ('train', 'val'):
        (lists / f'{split}.txt').write_text('\n'.join(names[split]) + '\n')
    return root


def test_list_of_the_ready_made_folder(converter, voc):
    result = converter('voc2012_aug', voc, *COUNTS)
    assert result == (
        0,
        f'Pascal VOC2012 trainaug in {voc}\n  train: 2\n  val: 2\n  trainaug: 5\n'
        f'  wrote {voc / LIST}\n  complete\n',
        '',
    )
    assert (voc / LIST).read_text() == '2007_1\n2007_2\na\nb\nc\n'


def test_a_second_run_writes_nothing(converter, voc):
    converter('voc2012_aug', voc, *COUNTS)
    before = snapshot(voc)
    result = converter('voc2012_aug', voc, *COUNTS)
    assert result.code == 0
    assert f'{voc / LIST} is already right' in result.out
    assert snapshot(voc) == before


def test_published_numbers(converter, voc):
    result = converter('voc2012_aug', voc)
    assert result.code == 1
    assert (
        'trainaug: found 5, expected 10,582. Put all of SegmentationClassAug there' in result.err
    )
    assert 'train: found 2, expected 1,464. Unpack VOCtrainval_11-May-2012.tar' in result.err
    assert 'val: found 2, expected 1,449.' in result.err
    assert 'nothing written' in result.out
    assert not (voc / LIST).exists()


def test_upstreams_list_in_another_order_is_left_alone(converter, voc):
    (voc / LIST).write_text('c\n2007_2\nb\na\n2007_1\n')
    assert converter('voc2012_aug', voc, *COUNTS).code == 0
    assert (voc / LIST).read_text() == 'c\n2007_2\nb\na\n2007_1\n'


def test_another_list_is_replaced_only_if_asked_for(converter, voc):
    (voc / LIST).write_text('2007_1\n2007_2\na\nb\n2007_3\n')
    result = converter('voc2012_aug', voc, *COUNTS)
    assert result.code == 1
    assert result.err == (
        f'1 problem:\n  - {voc / LIST} has 5 names, the masks give 5; different: 2007_3, c. '
        '--overwrite replaces it.\n'
    )
    assert converter('voc2012_aug', voc, *COUNTS, '--overwrite').code == 0
    assert (voc / LIST).read_text() == '2007_1\n2007_2\na\nb\nc\n'


def test_masks_that_upstreams_converter_does_not_make(converter, voc):
    mask = voc / 'SegmentationClassAug' / '2007_2.png'
    mask.unlink()
    result = converter('voc2012_aug', voc, *COUNTS)
    assert result.code == 1
    assert (
        f'names of train.txt without a mask in {mask.parent} (1): 2007_2. '
        '--complete copies them from SegmentationClass.'
    ) in result.err
    result = converter('voc2012_aug', voc, *COUNTS, '--complete')
    assert result.code == 0
    assert '1 masks copied from SegmentationClass' in result.out
    assert (read_mask(mask) == 15).all()
    # Masks that were there are SBD's still.
    assert (read_mask(mask.with_name('2007_1.png')) == 1).all()
    assert '0 masks copied' in converter('voc2012_aug', voc, *COUNTS, '--complete').out


def test_missing_image_and_masks_that_are_none(converter, voc):
    (voc / 'JPEGImages' / 'a.jpg').unlink()
    (voc / 'SegmentationClass' / '2007_4.png').unlink()
    (voc / 'SegmentationClassAug' / 'b.png').write_bytes(b'not an image')
    Image.new('RGB', (8, 6)).save(voc / 'SegmentationClassAug' / 'c.png')
    result = converter('voc2012_aug', voc, *COUNTS)
    assert result.code == 1
    folder = voc / 'SegmentationClassAug'
    assert f'without a mask in {voc / "SegmentationClass"} (1): 2007_4. Unpack' in result.err
    assert f'images missing in {voc / "JPEGImages"} (1): a.jpg. Unpack' in result.err
    assert f'unreadable images in {folder} (1): b.png.' in result.err
    assert f'colour images instead of 8-bit labels in {folder} (1): c.png. Use' in result.err
    assert not (voc / LIST).exists()


def test_what_has_to_be_there(converter, voc):
    result = converter('voc2012_aug', voc, '--masks', 'Aug')
    assert result.code == 2
    assert result.err.startswith(
        f'error: {voc} has no folder Aug. Put all of SegmentationClassAug there'
    )
    (voc / 'ImageSets' / 'Segmentation' / 'val.txt').unlink()
    result = converter('voc2012_aug', voc)
    assert result.code == 2
    assert f'{voc / "ImageSets/Segmentation/val.txt"} is not there. Unpack' in result.err
    assert converter('voc2012_aug', 'nowhere').err.startswith(
        'error: nowhere is not a folder. Unpack'
    )


def test_the_default_folder(converter, voc, tmp_path):
    (tmp_path / 'data' / 'VOCdevkit').mkdir(parents=True)
    voc.rename(tmp_path / 'data' / 'VOCdevkit' / 'VOC2012')
    result = converter('voc2012_aug', *COUNTS)
    assert result.code == 0
    assert 'Pascal VOC2012 trainaug in data/VOCdevkit/VOC2012' in result.out


def test_a_crafted_list_copies_nothing_into_the_set(converter, voc, tmp_path):
    write_image(tmp_path / 'x.png')
    names = voc / 'ImageSets' / 'Segmentation' / 'train.txt'
    names.write_text(names.read_text() + '../../../x\n')
    before = snapshot(voc)
    result = converter('voc2012_aug', voc, *COUNTS, '--complete')
    assert result.code == 1
    assert f'entries of {names} that are not names of files (1): ../../../x.' in result.err
    assert snapshot(voc) == before
