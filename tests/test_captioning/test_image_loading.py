import os
import signal
import struct

import numpy as np
import pytest
from PIL import Image

from mmtadp.captioning.image_loading import (
    UnusableImageError,
    load_ahead,
    open_rgb,
    wrap_worker_errors,
)
from mmtadp.utils.errors import RunError


@pytest.fixture
def photo(tmp_path):
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    Image.fromarray(pixels).save(tmp_path / 'photo.png')
    return tmp_path / 'photo.png', pixels


def test_rgb_as_it_is(photo):
    path, pixels = photo
    assert np.array_equal(np.asarray(open_rgb(str(path))), pixels)


def test_upright(photo, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be rotated by 90 degrees clockwise
    Image.open(photo[0]).save(tmp_path / 'turned.png', exif=exif)
    turned = np.asarray(open_rgb(str(tmp_path / 'turned.png')))
    assert np.array_equal(turned, np.rot90(photo[1], -1))


def test_16_bits_are_scaled(tmp_path):
    values = np.array([[0, 256], [32768, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / 'deep.png')
    red = np.asarray(open_rgb(str(tmp_path / 'deep.png')))[..., 0]
    assert red.tolist() == [[0, 1], [128, 255]]


@pytest.mark.parametrize('mode', ['L', 'P', 'RGBA', 'LA', '1', 'CMYK'])
def test_other_modes(tmp_path, mode):
    suffix = 'tif' if mode == 'CMYK' else 'png'
    Image.new('RGB', (5, 4), (255, 255, 255)).convert(mode).save(tmp_path / f'a.{suffix}')
    image = open_rgb(str(tmp_path / f'a.{suffix}'))
    assert image.mode == 'RGB' and np.asarray(image).min() >= 254


def bmp_header(width: int, height: int) -> bytes:
    """Return a BMP file that claims to have so many pixels."""
    size = struct.pack('<IiiHHIIiiII', 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b'BM' + struct.pack('<IHHI', 54, 0, 0, 54) + size


def broken_files(folder) -> dict[str, str]:
    """Names of files that are no usable images, and what should be said of them."""
    noise = np.random.RandomState(0).randint(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / 'whole.jpg')
    content = (folder / 'whole.jpg').read_bytes()
    (folder / 'cut.jpg').write_bytes(content[: len(content) // 2])
    (folder / 'empty.png').touch()
    (folder / 'text.png').write_text('not an image')
    (folder / 'folder.png').mkdir()
    (folder / 'bomb.bmp').write_bytes(bmp_header(30_000, 40_000))
    return {
        'cut.jpg': '[Tt]runcated',
        'empty.png': 'image',
        'text.png': 'image',
        'folder.png': 'IsADirectoryError',
        'gone.png': 'does not exist',
        'bomb.bmp': '30000 x 40000 is 1,200,000,000 pixels, more than --max-pixels 100,000,000',
    }


def test_what_is_wrong_with_a_file(tmp_path):
    for name, reason in broken_files(tmp_path).items():
        with pytest.raises(UnusableImageError, match=reason):
            open_rgb(str(tmp_path / name))


def test_limit_of_pixels(photo):
    assert open_rgb(str(photo[0]), max_pixels=24).size == (6, 4)
    with pytest.raises(UnusableImageError, match='more than --max-pixels 23'):
        open_rgb(str(photo[0]), max_pixels=23)


@pytest.mark.parametrize('workers', [0, 2])
def test_loaded_in_order_broken_ones_included(tmp_path, photo, workers):
    reasons = broken_files(tmp_path)
    paths = {name: str(tmp_path / name) for name in (*reasons, 'photo.png', 'whole.jpg')}
    keys = list(paths)
    batches = [keys[:3], keys[3:6], keys[6:]]
    loaded = list(load_ahead(batches, paths, np.asarray, workers=workers))
    assert [[image.key for image in batch] for batch in loaded] == batches
    images = [image for batch in loaded for image in batch]
    assert [image.key for image in images if image.problem is None] == ['photo.png', 'whole.jpg']
    assert np.array_equal(images[-2].pixels, photo[1])


def die(image):
    os.kill(os.getpid(), signal.SIGKILL)


def test_death_of_a_worker(photo):
    loading = load_ahead([['a']], dict(a=str(photo[0])), die, workers=1)
    died = pytest.raises(RunError, match='decodes images died.*--workers')
    with died, wrap_worker_errors():
        list(loading)
