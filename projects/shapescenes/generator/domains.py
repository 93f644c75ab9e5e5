"""Looks of the same scene: day, night, watercolor, comic.

A domain takes the supersampled image of the day and returns it in another look. Nothing moves by
more than a pixel, so mask, depth and boxes stay valid. As in ``canvas``, all operations have
results that do not depend on the machine; OpenCV's median and odd-sized box filters on bytes are
among them.
"""

from collections.abc import Callable

import cv2
import numpy as np

from .canvas import noise_tile
from .scene import SETTINGS, RandomStream, Scene

_LUMA = (77, 150, 29)


def _luminance(image: np.ndarray) -> np.ndarray:
    """Return the luminance (h, w), int32 in [0, 255], of a uint8 RGB image."""
    r, g, b = (image[..., i].astype(np.int32) for i in range(3))
    return (r * _LUMA[0] + g * _LUMA[1] + b * _LUMA[2]) >> 8


def _to_bytes(image: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


def _texture(tile: np.ndarray, size: int, per_image: int, corner: int) -> np.ndarray:
    """Return a window (size, size) of a noise tile that spans ``per_image`` texels."""
    index = (np.arange(size) * per_image // size + corner) % len(tile)
    return tile[np.ix_(index, index)]


def day(image: np.ndarray, instances: np.ndarray, scene: Scene) -> np.ndarray:
    """Return the image unchanged."""
    return image


def night(image: np.ndarray, instances: np.ndarray, scene: Scene) -> np.ndarray:
    """Add darkness, a blue cast, pools of lamp light, stars and sensor noise."""
    size = len(image)
    stream = RandomStream(*scene.seed, 3)
    colour = image.astype(np.float32)
    grey = _luminance(image).astype(np.float32)[..., None]
    colour = colour * 0.6 + grey * 0.4
    moonlight = np.array((0.3, 0.37, 0.56), np.float32) * stream.uniform(0.7, 1.0)
    lit = np.ones((size, size, 3), np.float32) * moonlight

    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    lights = [(stream.uniform(), stream.uniform(0.45, 0.8), stream.uniform(0.12, 0.24), 0.75)]
    lights += [
        (o.x, scene.ground_row(o.depth) - 0.4 * o.image_height, 0.6 * o.image_height, 1.1)
        for o in scene.objects
        if o.name == 'lamp'
    ]
    warm = np.array((1.0, 0.82, 0.5), np.float32)
    for x, y, radius, power in lights:
        dx, dy = (axis - x) / radius, (axis - y) / radius
        fall = 1 + (dx * dx)[None, :] + (dy * dy)[:, None]
        lit += (power / (fall * fall))[..., None] * warm
    picture = colour * lit

    if not SETTINGS[scene.setting].has_wall:
        rows = int(scene.ground_row(scene.wall_depth) * 0.45 * size)
        sky = instances[:rows] == 0
        stars = _texture(noise_tile(512, 1), size, 512, stream.integer(0, 511))[:rows] > 0.9965
        picture[:rows][stars & sky] += 150
    noise = stream.noise(size, size, 3).astype(np.float32) - 127.5
    return _to_bytes(picture + noise * 0.16)


def watercolor(image: np.ndarray, instances: np.ndarray, scene: Scene) -> np.ndarray:
    """Paint flat washes with darker edges, granulated pigment and visible paper."""
    size = len(image)
    stream = RandomStream(*scene.seed, 4)
    corner = stream.integer(0, 511)
    wash = cv2.medianBlur(cv2.medianBlur(image, 7), 5)

    # A brush does not follow an outline: wander by at most one final pixel.
    wander = _texture(noise_tile(64, 2), size, 256, corner)
    shift = np.rint((wander - 0.5) * 4).astype(np.int64)
    rows = np.clip(np.arange(size)[:, None] + shift, 0, size - 1)
    columns = np.clip(np.arange(size)[None, :] + shift.T, 0, size - 1)
    wash = wash[rows, columns]

    soft = cv2.blur(wash, (9, 9))
    edge = np.abs(wash.astype(np.int32) - soft).max(-1).astype(np.float32)
    pigment = 255 - wash.astype(np.float32)
    flow = _texture(noise_tile(16, 3), size, 200, corner)[..., None]
    grain = _texture(noise_tile(256, 2), size, 400, corner)[..., None]
    pigment *= 0.5 + 0.42 * flow + 0.16 * grain
    pigment += np.minimum(edge, 60)[..., None] * 0.55

    # Bare paper towards an uneven border.
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    border = np.minimum(axis, 1 - axis)
    distance = np.minimum(border[:, None], border[None, :]) - 0.05 * flow[..., 0] + 0.012
    pigment *= np.clip(distance * 40, 0, 1)[..., None]
    paper = np.array((252, 249, 241), np.float32) - 10 * grain
    return _to_bytes(paper - pigment)


def comic(image: np.ndarray, instances: np.ndarray, scene: Scene) -> np.ndarray:
    """Reduce to flat saturated colours, and add ink outlines and halftone dots."""
    size = len(image)
    flat = cv2.medianBlur(image, 7)
    grey = _luminance(flat)[..., None]
    vivid = np.clip(grey + (flat.astype(np.int32) - grey) * 3 // 2 + 12, 0, 255)
    levels = ((vivid * 4 + 127) // 255) * 255 // 4
    picture = levels.astype(np.float32)

    # Halftone: dots on a diagonal grid, the larger the darker the wash is.
    axis = np.arange(size, dtype=np.float32)
    pitch = 7.0
    a, b = axis[:, None] + axis[None, :], axis[:, None] - axis[None, :]
    da, db = a % pitch - pitch / 2, b % pitch - pitch / 2
    darkness = np.clip(220 - grey[..., 0], 0, 160).astype(np.float32)
    dots = (da * da + db * db) < darkness * 0.05
    background = instances == 0
    picture[dots & background] *= np.float32(0.78)

    kernel = np.ones((3, 3), np.uint8)
    outline = cv2.dilate(instances, kernel) != cv2.erode(instances, kernel)
    luminance = _luminance(cv2.medianBlur(image, 5)).astype(np.uint8)
    detail = cv2.blur(luminance, (7, 7)).astype(np.int32) - luminance > 22
    picture[detail & ~background] *= np.float32(0.25)
    picture[outline] = 16
    return _to_bytes(picture)


DOMAINS: dict[str, Callable[[np.ndarray, np.ndarray, Scene], np.ndarray]] = {
    'day': day,
    'night': night,
    'watercolor': watercolor,
    'comic': comic,
}
"""Domains by name."""
