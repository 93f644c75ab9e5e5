"""Render image, mask, depth and boxes of a scene."""

from dataclasses import dataclass

import cv2
import numpy as np

from .domains import DOMAINS
from .geometry import rotate
from .scene import COLOURS, FOCAL_LENGTH, Scene, SceneObject
from .shapes import OBJECT_CLASSES, class_layers, class_width
from .surfaces import paint_background

SUPERSAMPLING = 2
MIN_SIZE = 32
_SUBPIXEL_BITS = 4
_FIXED_COLOURS = {
    'dark': (44, 42, 50),
    'light': (244, 242, 232),
    'wood': (116, 80, 50),
    'glass': (168, 208, 228),
    'glow': (255, 232, 140),
}


@dataclass(frozen=True)
class Rendering:
    """What the camera sees of a scene.

    Attributes:
        image: (size, size, 3) uint8 RGB.
        instances: (size, size) uint8: 0 is background, ``i + 1`` is
            ``scene.objects[i]``.
        mask: (size, size) uint8: 0 is background, else 1 + the index of the
            class in :data:`OBJECT_CLASSES`.
        depth: (size, size) uint16 in millimetres, at most 10 m.
    """

    image: np.ndarray
    instances: np.ndarray
    mask: np.ndarray
    depth: np.ndarray


def render_scene(scene: Scene, size: int = 128, domain: str = 'day') -> Rendering:
    """Render a scene.

    Args:
        scene (Scene): The scene.
        size (int): Height and width in pixels, at least 32.
        domain (str): Look of the image, a key of ``DOMAINS``. Mask, depth and
            boxes do not depend on it.

    Returns:
        Rendering: The same arrays for the same arguments, on any machine.
    """
    if domain not in DOMAINS:
        raise ValueError(f'unknown domain {domain!r}; expected one of {sorted(DOMAINS)}')
    if size < MIN_SIZE:
        raise ValueError(f'size is {size}; a scene needs at least {MIN_SIZE} pixels')
    fine = size * SUPERSAMPLING
    picture = paint_background(scene, fine)
    fine_instances = np.zeros((fine, fine), np.uint8)
    instances = np.zeros((size, size), np.uint8)
    for value, obj in enumerate(scene.objects, start=1):
        patch = _Patch(scene, obj, fine)
        patch.paint_shadow(picture)
        silhouette = patch.paint(picture)
        fine_instances[patch.area][silhouette] = value
        # A pixel belongs to an object that covers at least half of it.
        instances[patch.coarse_area][_shrink(silhouette.astype(np.uint16)) >= 2] = value

    image = DOMAINS[domain](_to_bytes(picture), fine_instances, scene)
    labels = [0, *(1 + OBJECT_CLASSES.index(o.name) for o in scene.objects)]
    return Rendering(
        image=((_shrink(image.astype(np.uint16)) + 2) >> 2).astype(np.uint8),
        instances=instances,
        mask=np.array(labels, np.uint8)[instances],
        depth=_depth_map(scene, instances),
    )


def visible_boxes(instances: np.ndarray) -> dict[int, tuple[int, int, int, int, int]]:
    """Return the boxes of the visible parts of objects.

    Args:
        instances (np.ndarray): :attr:`Rendering.instances`.

    Returns:
        dict[int, tuple]: Index in ``scene.objects`` to (x, y, width, height,
        area), all in pixels.
    """
    boxes = {}
    for value in np.unique(instances[instances > 0]):
        visible = instances == value
        rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
        boxes[int(value) - 1] = (
            int(columns[0]),
            int(rows[0]),
            int(columns[-1] - columns[0] + 1),
            int(rows[-1] - rows[0] + 1),
            int(np.count_nonzero(visible)),
        )
    return boxes


class _Patch:
    """The part of the supersampled image that one object touches."""

    def __init__(self, scene: Scene, obj: SceneObject, fine: int) -> None:
        self.obj = obj
        height = obj.image_height * fine
        self.height, self.centre = height, obj.x * fine
        self.foot = scene.ground_row(obj.depth) * fine
        half_width = height * class_width(obj.name) * 0.5 + height * 0.08 + 2

        def even(value: float, upwards: int) -> int:
            # Whole pixels of the final image, inside it.
            clipped = min(max(int(value) // SUPERSAMPLING + upwards, 0), fine // SUPERSAMPLING)
            return clipped * SUPERSAMPLING

        self.top = even(self.foot - height * 1.08 - 2, 0)
        self.left = even(self.centre - half_width, 0)
        bottom = even(self.foot + height * 0.08 + 2, 1)
        right = even(self.centre + half_width, 1)
        self.shape = (bottom - self.top, right - self.left)
        self.area = np.s_[self.top : bottom, self.left : right]
        half = [v // SUPERSAMPLING for v in (self.top, bottom, self.left, right)]
        self.coarse_area = np.s_[half[0] : half[1], half[2] : half[3]]
        # Unit frame of the object at each pixel centre.
        rows = np.arange(self.top, bottom, dtype=np.float32)[:, None] + 0.5
        columns = np.arange(self.left, right, dtype=np.float32)[None, :] + 0.5
        self.y, self.x = (self.foot - rows) / height, (columns - self.centre) / height

    def paint_shadow(self, picture: np.ndarray) -> None:
        """Darken the ground around the object's foot."""
        width = class_width(self.obj.name)
        x, y = (self.x - 0.04) / (0.52 * width), self.y / 0.075
        strength = np.maximum(0, 1 - x * x - y * y) * 0.5
        picture[self.area] *= (1 - np.minimum(strength, 0.4))[..., None]

    def paint(self, picture: np.ndarray) -> np.ndarray:
        """Paint the object and return its silhouette, a bool array of the patch's shape."""
        colours = {role: np.array(c, np.float32) for role, c in _FIXED_COLOURS.items()}
        colours['body'] = np.array(COLOURS[self.obj.colour], np.float32)
        colours['shade'] = colours['body'] * np.float32(0.66)
        colours['accent'] = np.array(COLOURS[self.obj.accent], np.float32)

        target = picture[self.area]
        flat = target.copy()
        silhouette = np.zeros(self.shape, np.uint8)
        pattern = self._pattern()
        for layer in class_layers()[self.obj.name]:
            covered = self._fill(layer.outlines)
            silhouette |= covered
            where = covered.astype(bool)
            flat[where] = colours[layer.role]
            if layer.role == 'body' and pattern is not None:
                # Dark patterns on light colours, light ones on dark colours.
                factor = 0.7 if max(COLOURS[self.obj.colour]) > 190 else 1.5
                flat[where & pattern] *= np.float32(factor)

        light = 1.08 - 0.3 * (np.float32(0.5) + self.x * 0.6 - (self.y - 0.5) * 0.6)
        thickness = 3 if self.height > 48 else 2
        rim = silhouette - cv2.erode(silhouette, np.ones((thickness, thickness), np.uint8))
        light[rim.astype(bool)] *= np.float32(0.6)
        where = silhouette.astype(bool)
        target[where] = np.minimum(flat[where] * light[where][:, None], 255)
        return where

    def _fill(self, outlines: tuple[np.ndarray, ...]) -> np.ndarray:
        covered = np.zeros(self.shape, np.uint8)
        for outline in outlines:
            points = rotate(outline, self.obj.turns) if self.obj.turns else outline
            pixels = np.stack(
                [
                    self.centre + points[:, 0] * self.height - self.left - 0.5,
                    self.foot - points[:, 1] * self.height - self.top - 0.5,
                ],
                axis=1,
            )
            fixed = np.rint(pixels * (1 << _SUBPIXEL_BITS)).astype(np.int32)
            cv2.fillPoly(covered, [fixed], 1, shift=_SUBPIXEL_BITS)
        return covered

    def _pattern(self) -> np.ndarray | None:
        """Return where the texture has its second tone, or None for a plain body."""
        texture, shift = self.obj.texture, self.obj.shift
        x, y = (self.x + shift + 4) / 0.17, (self.y + shift + 4) / 0.17
        if texture == 'striped':
            return (x + y) % 2 < 1
        if texture == 'checked':
            return (x.astype(np.int32) + y.astype(np.int32)) % 2 == 0
        if texture == 'dotted':
            dx, dy = x % 1.3 - 0.65, y % 1.3 - 0.65
            return dx * dx + dy * dy < 0.14
        return None


def _shrink(values: np.ndarray) -> np.ndarray:
    """Return the sum over the supersamples of each pixel."""
    return values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]


def _to_bytes(picture: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


def _depth_map(scene: Scene, instances: np.ndarray) -> np.ndarray:
    size = len(instances)
    below = (np.arange(size) + 0.5) / size - scene.horizon
    ground = FOCAL_LENGTH * scene.camera_height / np.maximum(below, 1e-6)
    rows = np.rint(1000 * np.minimum(ground, scene.wall_depth)).astype(np.uint16)
    depth = np.repeat(rows[:, None], size, axis=1)
    objects = [0, *(round(1000 * o.depth) for o in scene.objects)]
    return np.where(instances > 0, np.array(objects, np.uint16)[instances], depth)
