"""Noise, colours and coordinates that surfaces are painted with.

Only element-wise arithmetic on float32 and integers is used, whose results do not depend on the
machine: no sums, matrix products or transcendental functions over arrays.
"""

from functools import cache

import numpy as np

from .scene import FOCAL_LENGTH, RandomStream, Scene

TILE = 512
# Seed of the noise tiles, which all scenes share; each scene starts at another corner.
_TILE_SEED = 20240617

Colour = tuple[int, int, int]


@cache
def noise_tile(finest: int, octaves: int) -> np.ndarray:
    """Return seamless value noise.

    Args:
        finest (int): Cells of the finest octave along each side, a power of 2.
        octaves (int): Octaves, each with half the cells of the one before and
            twice its weight.

    Returns:
        np.ndarray: (512, 512) float32 in [0, 1].
    """
    total = np.zeros((TILE, TILE), np.float32)
    for octave in range(octaves):
        cells = finest >> octave
        lattice = RandomStream(_TILE_SEED, finest, octave).noise(cells, cells).astype(np.float32)
        total += _upsample(lattice) * (1 << octave)
    low, high = total.min(), total.max()
    tile = (total - low) / (high - low)
    tile.flags.writeable = False
    return tile


def _upsample(lattice: np.ndarray) -> np.ndarray:
    """Interpolate a square lattice periodically to the size of a tile."""
    cells = len(lattice)
    position = np.arange(TILE, dtype=np.float32) * (cells / TILE)
    low = position.astype(np.int64)
    high = (low + 1) % cells
    t = position - low
    t = t * t * (3 - 2 * t)
    rows = lattice[low] * (1 - t)[:, None] + lattice[high] * t[:, None]
    return rows[:, low] * (1 - t) + rows[:, high] * t


def blend(low: Colour | np.ndarray, high: Colour | np.ndarray, t: np.ndarray) -> np.ndarray:
    """Mix two colours: (...,) weights in [0, 1] of ``high`` -> (..., 3) RGB."""
    low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    return low + (high - low) * t[..., None]


class Canvas:
    """Pixel coordinates of a scene at one size, and lookups into noise tiles.

    Args:
        scene (Scene): The scene.
        size (int): Height and width of the image in pixels.

    Attributes:
        y: (size, 1) rows in image heights.
        x: (1, size) columns in image widths.
        ground_top: First row of the ground.
        z: (rows, 1) depth of each ground row in metres.
        u: (rows, size) sideways position of each ground pixel in metres.
    """

    def __init__(self, scene: Scene, size: int) -> None:
        self.scene, self.size = scene, size
        self.stream = RandomStream(*scene.seed, 2)
        centres = (np.arange(size, dtype=np.float32) + 0.5) / size
        self.y, self.x = centres[:, None], centres[None, :]
        self.ground_top = int(scene.ground_row(scene.wall_depth) * size)
        below = self.y[self.ground_top :] - scene.horizon
        self.z = (FOCAL_LENGTH * scene.camera_height) / below
        self.u = (self.x - 0.5) * self.z / FOCAL_LENGTH
        self._corner = self.stream.noise(2).astype(np.int64) * 2

    def ground_noise(
        self, tile: np.ndarray, per_metre: float, per_metre_deep: float | None = None
    ) -> np.ndarray:
        """Return noise on the ground, (rows, size) in [0, 1], flatter far away."""
        deep = per_metre if per_metre_deep is None else per_metre_deep
        columns = (self.u * per_metre).astype(np.int64) + self._corner[0]
        rows = (self.z * deep).astype(np.int64) + self._corner[1]
        values = tile[rows % TILE, columns % TILE]
        return (values - 0.5) * np.minimum(1, 3 / self.z) + 0.5

    def screen_noise(
        self, tile: np.ndarray, across: float, down: float, ground: bool = False
    ) -> np.ndarray:
        """Return noise in the image plane, (rows, size) in [0, 1].

        ``across`` and ``down`` are texels per image side.
        """
        y = self.y[self.ground_top :] if ground else self.y[: self.ground_top]
        columns = (self.x[0] * across).astype(np.int64) + self._corner[1]
        rows = (y[:, 0] * down).astype(np.int64) + self._corner[0]
        return tile[np.ix_(rows % TILE, columns % TILE)]

    def height_up(self) -> np.ndarray:
        """Return (rows, 1): 0 at the foot of the backdrop, 1 at the top of the image."""
        foot = self.ground_top / self.size
        return (foot - self.y[: self.ground_top]) / foot
