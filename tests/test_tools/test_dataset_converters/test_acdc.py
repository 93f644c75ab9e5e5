"""tools/dataset_converters/acdc.py"""

import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.test_tools.test_dataset_converters.conftest import read_mask, snapshot, write_image

CONDITIONS = ('fog', 'night', 'rain', 'snow')
COUNTS = (
    '--expected',
    *(f'{c}/{s}={n}' for c in CONDITIONS for s, n in dict(train=3, val=2).items()),
)


@pytest.fixture
def acdc(tmp_path) -> Path:
    """Three images to train on and two to validate on in each condition, in two sequences."""
    root = tmp_path / 'acdc'
    for condition in CONDITIONS:
        for split, number in dict(train=3, val=2).items():
            for index in range(number):
                name = f'{condition}/{split}/GP01{index % 2}/frame_{index:06d}'
                write_image(root / 'rgb_anon' / f'{name}_rgb_anon.png', mode='RGB')
                write_image(root / 'rgb_anon' / f'{name}_rgb_ref_anon.png', mode='RGB')
                for kind, value in dict(labelIds=7, labelTrainIds=0, labelColor=9).items():
                    write_image(root / 'gt' / f'{name}_gt_{kind}.png', value=value)
    return root


def test_complete(converter, acdc):
    before = snapshot(acdc)
    result = converter('acdc', acdc, *COUNTS)
    assert result.code == 0
    assert result.out == (
        f'ACDC in {acdc}\n'
        + ''.join(f'  {condition}/train: 3\n' for condition in CONDITIONS)
        + ''.join(f'  {condition}/val: 2\n' for condition in CONDITIONS)
        + '  complete\n'
    )
    assert snapshot(acdc) == before


def test_published_numbers(converter, acdc):
    result = converter('acdc', acdc)
    assert result.err.startswith('8 problems:')
    for number in ('fog/train: found 3, expected 400.', 'night/val: found 2, expected 106.'):
        assert number in result.err
    result = converter('acdc', acdc, '--splits', 'val')
    assert result.err.startswith('4 problems:')
    assert 'rain/val: found 2, expected 100. Unpack rgb_anon_trainvaltest.zip' in result.err


def test_missing_files(converter, acdc):
    (acdc / 'rgb_anon/fog/train/GP010/frame_000000_rgb_anon.png').unlink()
    for kind in ('labelIds', 'labelTrainIds'):
        (acdc / f'gt/snow/val/GP011/frame_000001_gt_{kind}.png').unlink()
    shutil.rmtree(acdc / 'gt' / 'rain' / 'val')
    result = converter('acdc', acdc, *COUNTS)
    assert result.code == 1
    assert result.err.startswith('4 problems:')
    for problem in (
        'fog/train: found 2, expected 3.',
        f'masks without an image in {acdc}/rgb_anon/fog/train (1): '
        'GP010/frame_000000_gt_labelTrainIds.png. Unpack',
        f'images without a mask in {acdc}/gt/snow/val (1): GP011/frame_000001_rgb_anon.png.',
        f'missing folders (1): {acdc}/gt/rain/val. Unpack',
    ):
        assert problem in result.err


def test_label_ids_are_converted_if_asked_for(converter, acdc):
    ids = np.arange(34, dtype=np.uint8)
    source = acdc / 'gt/night/val/GP010/frame_000000_gt_labelIds.png'
    Image.fromarray(np.stack([ids, np.full(34, 255, np.uint8)])).save(source)
    write_image(acdc / 'rgb_anon/night/val/GP010/frame_000000_rgb_anon.png', (34, 2), 'RGB')
    target = source.with_name('frame_000000_gt_labelTrainIds.png')
    target.unlink()

    result = converter('acdc', acdc, *COUNTS)
    assert result.err == (
        '1 problem:\n  - images of night/val with a mask of label ids only (1): '
        'GP010/frame_000000_gt_labelIds.png. --convert makes the training labels.\n'
    )
    others = snapshot(acdc)
    result = converter('acdc', acdc, *COUNTS, '--convert')
    assert result.code == 0, result.err
    assert 'night/val: 1 masks converted' in result.out
    mask = read_mask(target)
    # road, sidewalk, building, ..., bicycle: the 19 classes in the order of their ids
    evaluated = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    assert mask[0, evaluated].tolist() == list(range(19))
    assert (np.delete(mask[0], evaluated) == 255).all()
    assert (mask[1] == 255).all()
    after = snapshot(acdc)
    assert {name for name in after if after[name] != others.get(name)} == {
        'gt/night/val/GP010/frame_000000_gt_labelTrainIds.png'
    }
    assert converter('acdc', acdc, *COUNTS, '--convert').code == 0
    assert snapshot(acdc) == after


def test_what_is_no_mask_of_label_ids(converter, acdc):
    source = acdc / 'gt/fog/train/GP010/frame_000000_gt_labelIds.png'
    target = source.with_name('frame_000000_gt_labelTrainIds.png')
    target.unlink()
    write_image(source, value=40)
    result = converter('acdc', acdc, *COUNTS, '--convert')
    assert result.code == 2
    assert f'{source}: values [40] are no label ids, which end at 33. Unpack' in result.err
    write_image(source, mode='RGB')
    result = converter('acdc', acdc, *COUNTS, '--convert')
    assert f'{source}: a RGB image, not 8-bit labels. Unpack' in result.err
    assert not target.exists()


def test_damaged_files_and_sizes(converter, acdc):
    (acdc / 'rgb_anon/fog/val/GP010/frame_000000_rgb_anon.png').write_bytes(b'\x89PNG')
    write_image(acdc / 'gt/fog/val/GP011/frame_000001_gt_labelTrainIds.png', (4, 4))
    result = converter('acdc', acdc, *COUNTS)
    assert 'unreadable images of fog/val (1): frame_000000_rgb_anon.png. Unpack' in result.err
    assert (
        'images of fog/val of another size than their mask (1): frame_000001_rgb_anon.png. Unpack'
    ) in result.err


def test_what_has_to_be_there(converter, acdc, tmp_path):
    result = converter('acdc')
    assert result.code == 2
    assert result.err.startswith('error: data/acdc is not a folder. Unpack')
    shutil.rmtree(acdc / 'gt')
    assert f'{acdc} has no folder gt. Unpack' in converter('acdc', acdc).err


def test_interrupted_conversion_goes_on(converter, acdc, monkeypatch):
    for mask in acdc.rglob('*_gt_labelTrainIds.png'):
        mask.unlink()
    save, left = Image.Image.save, [5]

    def interrupt(self, *args, **kwargs):
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        return save(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, 'save', interrupt)
        result = converter('acdc', acdc, *COUNTS, '--convert')
    assert result.code == 130
    assert len(list(acdc.rglob('*_gt_labelTrainIds.png'))) == 5
    result = converter('acdc', acdc, *COUNTS, '--convert')
    assert result.code == 0
    assert len(list(acdc.rglob('*_gt_labelTrainIds.png'))) == 20
    assert not [path for path in acdc.rglob('.*') if path.is_file()]


def test_cityscapes_own_pair_of_masks(repository, shared, monkeypatch):
    """The mapping makes of real label ids what Cityscapes' scripts made of them.

    The sample's two masks were scaled down, each in a way of its own, so borders differ a little.
    """
    folder = repository / 'tools' / 'dataset_converters'
    monkeypatch.syspath_prepend(str(folder))
    train_ids = runpy.run_path(str(folder / 'acdc.py'))['train_ids']
    sample = shared / 'samples' / 'cityscapes' / 'gtFine' / 'val' / 'frankfurt'
    label_ids, expected = (
        read_mask(sample / f'frankfurt_000000_000294_gtFine_{kind}.png')
        for kind in ('labelIds', 'labelTrainIds')
    )
    made = train_ids(label_ids)
    assert (made == expected).mean() > 0.997
    for label in np.unique(label_ids):
        here = expected[label_ids == label]
        assert np.bincount(here).argmax() == made[label_ids == label][0]
    assert len(np.unique(made)) == 11
