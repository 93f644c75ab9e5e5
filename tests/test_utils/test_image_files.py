import os
import socket
import struct

import cv2
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from PIL import Image, ImageCms

from mmtadp.utils.image_files import UnusableImageError, open_rgb

SIZE = (24, 16)
RNG = np.random.default_rng(0)
RGB = Image.fromarray(RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)).resize(SIZE)
DEEP = RNG.integers(0, 65536, (*SIZE[::-1],)).astype(np.uint16)
RAMP = Image.fromarray(np.tile(np.linspace(0, 255, SIZE[0], dtype=np.uint8), (SIZE[1], 1)))
ALPHA = RGB.convert('RGBA')
ALPHA.putalpha(RAMP)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


# Name of the file: image, and options of saving. All are read.
ODD_FILES = {
    **{f'{mode}.png': (RGB.convert(mode), {}) for mode in ('RGB', 'L', 'LA', 'P', '1')},
    'RGBA.png': (ALPHA, {}),
    'P_transparent.png': (RGB.convert('P'), dict(transparency=0)),
    'L_transparent.png': (RGB.convert('L'), dict(transparency=0)),
    'bits.png': (Image.fromarray(DEEP), {}),
    'bits.tif': (Image.fromarray(DEEP), {}),
    'bits.pgm': (Image.fromarray(DEEP), {}),
    'animated.png': (RGB, dict(save_all=True, append_images=[RGB.rotate(90)])),
    'rgb.JPG': (RGB, dict(format='JPEG')),
    'L.jpeg': (RGB.convert('L'), {}),
    'cmyk.jpg': (RGB.convert('CMYK'), {}),
    'progressive.jpg': (RGB, dict(progressive=True)),
    'profile.jpg': (RGB, dict(icc_profile=PROFILE)),
    'lossy.webp': (RGB, {}),
    'lossless.webp': (RGB, dict(lossless=True)),
    'alpha.webp': (ALPHA, dict(lossless=True)),
    'animated.webp': (RGB, dict(save_all=True, append_images=[RGB.rotate(90)])),
    'rgb.gif': (RGB, {}),
    'transparent.gif': (RGB.convert('P'), dict(transparency=0)),
    'animated.gif': (RGB.convert('P'), dict(save_all=True, append_images=[RGB.rotate(90)])),
    'rgb.tif': (RGB, {}),
    'alpha.tif': (ALPHA, {}),
    'LA.tif': (RGB.convert('LA'), {}),
    'P.tif': (RGB.convert('P'), {}),
    '1.tif': (RGB.convert('1'), {}),
    'cmyk.tif': (RGB.convert('CMYK'), {}),
    'lab.tif': (RGB.convert('LAB'), {}),
    'ycbcr.tif': (RGB.convert('YCbCr'), {}),
    'lzw.tif': (RGB, dict(compression='tiff_lzw')),
    'jpeg.tif': (RGB, dict(compression='jpeg')),
    'group4.tif': (RGB.convert('1'), dict(compression='group4')),
    'pages.tiff': (RGB, dict(save_all=True, append_images=[RGB.rotate(90)])),
    'rgb.jp2': (RGB, {}),
    'L.jp2': (RGB.convert('L'), {}),
    'rgba.jp2': (ALPHA, {}),
    **{f'{mode}.bmp': (RGB.convert(mode), {}) for mode in ('RGB', 'L', 'P', '1')},
    'RGBA.bmp': (ALPHA, {}),
    'rgb.ppm': (RGB, {}),
    'png_named.jpg': (RGB, dict(format='PNG')),
    **{
        f'{width}x{height}.png': (RGB.resize((width, height)), {})
        for width, height in ((1, 1), (100, 1), (1, 100), (3, 100), (100, 3))
    },
    **{
        f'exif{orientation}.{suffix}': (RGB, dict(exif=turned(orientation)))
        for suffix in ('jpg', 'png', 'tif', 'webp')
        for orientation in (2, 3, 6, 8, 99)
    },
}


@pytest.fixture
def odd_file(tmp_path, request):
    image, options = ODD_FILES[request.param]
    image.save(tmp_path / request.param, **options)
    return tmp_path / request.param


@pytest.mark.parametrize('odd_file', ODD_FILES, indirect=True)
def test_captioner_and_training_see_the_same_pixels(odd_file):
    trained_on = LoadImageFromFile()(dict(img_path=str(odd_file)))['img'][..., ::-1]
    assert np.array_equal(np.asarray(open_rgb(odd_file)), trained_on)


def test_there_are_enough_odd_files():
    assert len(ODD_FILES) >= 60


@pytest.mark.parametrize(
    ('odd_file', 'pixels'),
    [
        ('RGB.png', RGB),
        ('exif6.png', RGB.transpose(Image.Transpose.ROTATE_270)),
        ('exif3.tif', RGB.transpose(Image.Transpose.ROTATE_180)),
        # OpenCV does not read the orientation of WebP, so neither may the captioner.
        ('exif99.png', RGB),
        ('lossless.webp', RGB),
        ('P.bmp', RGB.convert('P').convert('RGB')),
        ('animated.png', RGB),
        ('pages.tiff', RGB),
        ('bits.png', Image.fromarray((DEEP >> 8).astype(np.uint8)).convert('RGB')),
        ('bits.tif', Image.fromarray((DEEP >> 8).astype(np.uint8)).convert('RGB')),
        ('RGBA.png', RGB),  # transparency is dropped
    ],
    indirect=['odd_file'],
)
def test_pixels(odd_file, pixels):
    assert np.array_equal(np.asarray(open_rgb(odd_file)), np.asarray(pixels))


def test_webp_is_not_turned(tmp_path):
    RGB.save(tmp_path / 'a.webp', lossless=True, exif=turned(6))
    assert np.array_equal(np.asarray(open_rgb(tmp_path / 'a.webp')), np.asarray(RGB))


def bmp_header(width: int, height: int) -> bytes:
    """Return a BMP file that claims to have so many pixels."""
    size = struct.pack('<IiiHHIIiiII', 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b'BM' + struct.pack('<IHHI', 54, 0, 0, 54) + size


def cut(name: str, share: float) -> bytes:
    """Return the start of an odd file."""
    image, options = ODD_FILES[name]
    image.save(name, **options)
    with open(name, 'rb') as file:
        content = file.read()
    os.remove(name)
    return content[: int(share * len(content))]


UNUSABLE = {
    'cut.jpg': (lambda: cut('rgb.JPG', 0.5), '[Tt]runcated'),
    'end.jpg': (lambda: cut('rgb.JPG', 0.95), '[Tt]runcated'),
    'cut.png': (lambda: cut('RGB.png', 0.5), '[Tt]runcated|unknown format'),
    'cut.webp': (lambda: cut('lossy.webp', 0.5), 'decoder'),
    'cut.gif': (lambda: cut('rgb.gif', 0.9), '[Tt]runcated|cannot decode'),
    'cut.tif': (lambda: cut('rgb.tif', 0.5), '[Tt]runcated|not an image'),
    'cut.jp2': (lambda: cut('rgb.jp2', 0.5), 'broken'),
    'cut.ppm': (lambda: cut('rgb.ppm', 0.5), '[Tt]runcated'),
    'empty.png': (lambda: b'', 'not an image'),
    'text.png': (lambda: b'not an image', 'not an image'),
    'page.jpg': (lambda: b'<!DOCTYPE html><html></html>', 'not an image'),
    'photo.jpg': (lambda: b'\0\0\0\x1cftypheic' + b'\0' * 40, 'not an image|cannot decode'),
    'bomb.bmp': (
        lambda: bmp_header(60_000, 60_000),
        '60000 x 60000 is 3,600,000,000 pixels, more than --max-pixels 100,000,000',
    ),
}


@pytest.mark.parametrize('name', UNUSABLE)
def test_broken_files(tmp_path, monkeypatch, name, capfd):
    monkeypatch.chdir(tmp_path)
    make, reason = UNUSABLE[name]
    content = make()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnusableImageError, match=reason):
        open_rgb(name)
    # OpenCV's own lines name no file.
    assert 'imdecode_' not in capfd.readouterr().err
    if name != 'bomb.bmp':
        with pytest.raises((AssertionError, cv2.error)):
            LoadImageFromFile()(dict(img_path=name))


@pytest.mark.parametrize('kind', ['float', 'integer'])
def test_32_bits_are_not_photographs(tmp_path, kind):
    values = DEEP.astype(np.float32 if kind == 'float' else np.int32)
    Image.fromarray(values).save(tmp_path / 'a.tif')
    with pytest.raises(UnusableImageError, match='32 bits'):
        open_rgb(tmp_path / 'a.tif')


def test_not_a_file(tmp_path, monkeypatch):
    """Opening a pipe waits for its other end, so it must not be opened."""
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    (tmp_path / 'folder.png').mkdir()
    expected = {'folder.png': 'a folder, not a file', 'gone.png': 'the file does not exist'}
    if hasattr(os, 'mkfifo'):
        os.mkfifo('pipe.png')
        os.symlink('/dev/zero', 'device.png')
        expected |= {'pipe.png': 'a named pipe', 'device.png': 'a device'}
    if hasattr(socket, 'AF_UNIX'):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind('socket.png')
        expected['socket.png'] = 'a socket'
    for name, reason in expected.items():
        with pytest.raises(UnusableImageError, match=reason):
            open_rgb(name)


def test_limit_of_pixels(tmp_path):
    RGB.save(tmp_path / 'a.png')
    assert open_rgb(tmp_path / 'a.png', max_pixels=24 * 16).size == SIZE
    with pytest.raises(UnusableImageError, match='more than --max-pixels 383'):
        open_rgb(tmp_path / 'a.png', max_pixels=383)
