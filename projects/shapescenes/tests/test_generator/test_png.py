import io

import cv2
import numpy as np
import pytest
from PIL import Image

from projects.shapescenes.generator import encode_png


@pytest.mark.parametrize(
    ('shape', 'dtype'), (((37, 53, 3), np.uint8), ((37, 53), np.uint8), ((200, 300), np.uint16))
)
def test_other_readers_read_it(shape, dtype):
    pixels = np.random.RandomState(0).randint(0, np.iinfo(dtype).max, shape).astype(dtype)
    data = encode_png(pixels)
    assert np.array_equal(np.array(Image.open(io.BytesIO(data))), pixels)
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read[..., ::-1] if read.ndim == 3 else read, pixels)
    assert read.dtype == dtype


def test_exact_bytes():
    data = encode_png(np.array([[1, 2]], np.uint8))
    assert data.hex() == (
        '89504e470d0a1a0a'
        # 2x1 pixels, 8 bits, grey
        '0000000d4948445200000002000000010800000000d1492056'
        # one stored block of 3 bytes: the row's filter and two pixels
        '0000000e494441547801010300fcff000102000700046cf83968'
        '0000000049454e44ae426082'
    )


def test_bad_pixels():
    with pytest.raises(ValueError, match=r'got shape \(2, 2\), float64'):
        encode_png(np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r'got shape \(2, 2, 4\), uint8'):
        encode_png(np.zeros((2, 2, 4), np.uint8))
