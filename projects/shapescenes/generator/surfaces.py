"""Procedural grounds and backdrops.

The operations are restricted to those whose results do not depend on the machine; see
:mod:`.canvas`.
"""

from collections.abc import Callable

import numpy as np

from .canvas import TILE, Canvas, Colour, blend, noise_tile
from .scene import SETTINGS, Scene


def _grass(c: Canvas) -> np.ndarray:
    patches = c.ground_noise(noise_tile(16, 3), 60)
    blades = c.screen_noise(noise_tile(256, 2), 460, 120, ground=True)
    t = 0.45 * patches + 0.55 * blades
    return blend((46, 96, 36), (146, 186, 78), t)


def _sand(c: Canvas) -> np.ndarray:
    grain = c.ground_noise(noise_tile(256, 1), 110)
    drift = c.ground_noise(noise_tile(16, 3), 50)
    return blend((196, 164, 112), (246, 222, 170), 0.3 * grain + 0.7 * drift)


def _snow(c: Canvas) -> np.ndarray:
    drift = c.ground_noise(noise_tile(16, 3), 40, 90)
    sparkle = c.ground_noise(noise_tile(256, 1), 160)
    t = 0.75 * drift + 0.25 * sparkle
    return blend((190, 206, 228), (255, 255, 255), t)


def _road(c: Canvas) -> np.ndarray:
    grain = c.ground_noise(noise_tile(256, 2), 150)
    image = blend((74, 76, 82), (124, 124, 128), grain)
    centre = np.abs(c.u - c.stream.uniform(-1.2, 1.2))
    dashes = (centre < 0.09) & ((c.z * 0.9).astype(np.int64) % 2 == 0)
    image[dashes] = image[dashes] * 0.25 + 170
    return image


def _water(c: Canvas) -> np.ndarray:
    waves = c.ground_noise(noise_tile(32, 2), 26, 150)
    ripples = c.ground_noise(noise_tile(128, 1), 40, 200)
    t = 0.65 * waves + 0.35 * ripples
    image = blend((24, 84, 124), (104, 176, 204), t)
    glints = t > 0.66
    image[glints] = image[glints] * 0.5 + 118
    return image


def _planks(c: Canvas) -> np.ndarray:
    position = c.u * 2.6 + 100
    board = position.astype(np.int64)
    tone = noise_tile(256, 1)[(board * 37) % TILE, 11]
    fibre = c.ground_noise(noise_tile(128, 3), 160, 12)
    t = 0.5 * tone + 0.5 * fibre
    image = blend((120, 76, 40), (204, 148, 92), t)
    image[position - board < 0.06] *= 0.6
    return image


def _tiles(c: Canvas) -> np.ndarray:
    u, z = c.u * 1.7 + 100, c.z * 1.7
    column, row = u.astype(np.int64), z.astype(np.int64)
    odd = ((column + row) % 2).astype(np.float32)
    speckle = c.ground_noise(noise_tile(256, 2), 140)
    image = blend((150, 146, 148), (214, 206, 194), odd * 0.75 + speckle * 0.25)
    image[(u - column < 0.06) | (z - row < 0.08)] *= 0.72
    return image


def _dunes(c: Canvas) -> np.ndarray:
    waves = c.ground_noise(noise_tile(32, 3), 18, 110)
    grain = c.ground_noise(noise_tile(256, 1), 120)
    t = 0.8 * waves + 0.2 * grain
    return blend((176, 98, 52), (240, 178, 104), t)


def _sky(c: Canvas, top: Colour, foot: Colour) -> np.ndarray:
    sky = blend(foot, top, c.height_up())
    return np.repeat(sky, c.size, axis=1)


def _clouds(c: Canvas) -> np.ndarray:
    image = _sky(c, (112, 150, 192), (206, 220, 232))
    cover = c.screen_noise(noise_tile(16, 3), 200, 420)
    t = np.clip((cover - 0.42) * 3.5, 0, 1)
    return image + (blend((150, 156, 168), (248, 248, 250), cover) - image) * t[..., None]


def _ridge(c: Canvas, tile: np.ndarray, across: float, low: float, high: float) -> np.ndarray:
    """(rows, size) mask of what lies below a ridge between two heights (1 = picture's top)."""
    profile = c.screen_noise(tile, across, 0)[0]
    return c.height_up() < low + (high - low) * profile[None, :]


def _hills(c: Canvas) -> np.ndarray:
    image = _sky(c, (88, 156, 226), (206, 230, 246))
    shade = c.screen_noise(noise_tile(128, 3), 300, 300)
    for tile, across, low, high, dark, light in (
        (noise_tile(8, 1), 150, 0.2, 0.7, (86, 138, 96), (140, 182, 132)),
        (noise_tile(8, 2), 260, 0.05, 0.42, (60, 120, 54), (118, 166, 78)),
    ):
        mask = _ridge(c, tile, across, low, high)
        image[mask] = blend(dark, light, shade[mask])
    return image


def _mountains(c: Canvas) -> np.ndarray:
    image = _sky(c, (132, 178, 224), (224, 234, 244))
    rock = c.screen_noise(noise_tile(64, 3), 300, 200)
    peaks = _ridge(c, noise_tile(32, 3), 180, 0.1, 0.95)
    snow = peaks & (c.height_up() + rock * 0.4 > 0.5)
    image[peaks] = blend((92, 104, 124), (150, 160, 178), rock[peaks])
    image[snow] = blend((214, 224, 238), (252, 252, 255), rock[snow])
    return image


def _sea(c: Canvas) -> np.ndarray:
    image = _sky(c, (96, 176, 232), (214, 236, 246))
    water = np.broadcast_to(c.height_up() < 0.34, image.shape[:2])
    waves = c.screen_noise(noise_tile(64, 2), 60, 700)
    image[water] = blend((22, 96, 140), (92, 178, 196), waves[water])
    foam = np.broadcast_to(c.height_up() < 0.03, image.shape[:2])
    image[foam] = (236, 244, 244)
    return image


def _forest(c: Canvas) -> np.ndarray:
    image = _sky(c, (150, 196, 226), (226, 236, 236))
    leaves = c.screen_noise(noise_tile(128, 3), 330, 330)
    for tile, low, high, dark, light in (
        (noise_tile(64, 2), 0.4, 0.85, (64, 98, 80), (112, 142, 112)),
        (noise_tile(128, 2), 0.15, 0.6, (24, 62, 42), (84, 124, 62)),
    ):
        mask = _ridge(c, tile, 230, low, high)
        image[mask] = blend(dark, light, leaves[mask])
    return image


def _sunset(c: Canvas) -> np.ndarray:
    image = _sky(c, (122, 82, 142), (252, 176, 96))
    streaks = c.screen_noise(noise_tile(16, 3), 90, 900)
    t = np.clip((streaks - 0.5) * 3, 0, 0.7)
    image += (np.array((255, 214, 150), np.float32) - image) * t[..., None]
    far = _ridge(c, noise_tile(8, 2), 200, 0.03, 0.3)
    image[far] = blend((150, 80, 62), (184, 104, 70), streaks[far])
    return image


def _wallpaper(c: Canvas) -> np.ndarray:
    base = c.stream.pick(((214, 196, 160), (168, 190, 200), (196, 172, 186), (178, 194, 156)))
    light = tuple(min(255, v + 26) for v in base)
    stripe = ((c.x * 14 + 0.3) % 2 < 1).astype(np.float32)
    paper = c.screen_noise(noise_tile(256, 2), 400, 400)
    image = blend(base, light, 0.7 * stripe + 0.3 * paper)
    board = np.broadcast_to(c.height_up() < 0.09, image.shape[:2])
    image[board] = (232, 226, 214)
    return image


def _bricks(c: Canvas) -> np.ndarray:
    y, x = c.y[: c.ground_top] * 26, c.x * 11
    course = y.astype(np.int64)
    x = x + 0.5 * (course % 2)
    brick = x.astype(np.int64)
    tone = noise_tile(256, 1)[(course * 29) % TILE, (brick * 53) % TILE]
    rough = c.screen_noise(noise_tile(256, 1), 480, 480)
    t = 0.7 * tone + 0.3 * rough
    image = blend((134, 62, 46), (196, 112, 84), t)
    image[(y - course < 0.16) | (x - brick < 0.08)] = (188, 176, 162)
    return image


_GROUNDS: dict[str, Callable[[Canvas], np.ndarray]] = {
    'grass': _grass,
    'sand': _sand,
    'snow': _snow,
    'road': _road,
    'water': _water,
    'planks': _planks,
    'tiles': _tiles,
    'dunes': _dunes,
}
_BACKDROPS: dict[str, Callable[[Canvas], np.ndarray]] = {
    'hills': _hills,
    'sea': _sea,
    'mountains': _mountains,
    'clouds': _clouds,
    'forest': _forest,
    'wallpaper': _wallpaper,
    'bricks': _bricks,
    'sunset': _sunset,
}


def paint_background(scene: Scene, size: int) -> np.ndarray:
    """Ground and backdrop of a scene, without objects.

    Args:
        scene (Scene): The scene.
        size (int): Height and width in pixels.

    Returns:
        np.ndarray: (size, size, 3) float32 RGB in [0, 255].
    """
    canvas = Canvas(scene, size)
    setting = SETTINGS[scene.setting]
    parts = (_BACKDROPS[setting.backdrop](canvas), _GROUNDS[setting.ground](canvas))
    return np.concatenate(parts, axis=0, dtype=np.float32)
