"""PNG files whose bytes depend on the pixels alone.

Compressors differ between zlib builds, so the same picture written by Pillow
or OpenCV has other bytes elsewhere. Here the pixels are stored uncompressed,
which every PNG reader accepts and which also makes files quick to read.
"""

import struct
import zlib

import numpy as np

_GREY, _RGB = 0, 2
_LARGEST_BLOCK = 65535


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode an image.

    Args:
        pixels (np.ndarray): (height, width) uint8 or uint16, or (height,
            width, 3) uint8 RGB.

    Returns:
        bytes: The PNG file.
    """
    is_rgb = pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8
    if not is_rgb and not (pixels.ndim == 2 and pixels.dtype in (np.uint8, np.uint16)):
        raise ValueError(
            f'expected (h, w) uint8 or uint16, or (h, w, 3) uint8; '
            f'got shape {pixels.shape}, {pixels.dtype}'
        )
    height, width = pixels.shape[:2]
    bits = 8 * pixels.dtype.itemsize
    rows = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder('>')))
    rows = rows.view(np.uint8).reshape(height, -1)
    # Each row begins with the number of its filter: 0, none.
    raw = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()
    header = struct.pack('>IIBBBBB', width, height, bits, _RGB if is_rgb else _GREY, 0, 0, 0)
    return b''.join(
        [
            b'\x89PNG\r\n\x1a\n',
            _chunk(b'IHDR', header),
            _chunk(b'IDAT', _store(raw)),
            _chunk(b'IEND', b''),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def _store(raw: bytes) -> bytes:
    """A zlib stream of stored (uncompressed) deflate blocks."""
    parts = [b'\x78\x01']
    for start in range(0, len(raw), _LARGEST_BLOCK):
        block = raw[start : start + _LARGEST_BLOCK]
        is_last = start + _LARGEST_BLOCK >= len(raw)
        parts += [struct.pack('<BHH', is_last, len(block), len(block) ^ 0xFFFF), block]
    parts.append(struct.pack('>I', zlib.adler32(raw)))
    return b''.join(parts)
