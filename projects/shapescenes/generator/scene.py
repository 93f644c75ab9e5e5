"""What is in a scene: objects, where they stand, and on what.

A scene is a description without pixels. It depends on its seed alone, so all domains and image
sizes show the same scene.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from .shapes import OBJECT_CLASSES, ROLLING, class_width

T = TypeVar('T')

FOCAL_LENGTH = 0.95
"""Focal length of the (square) camera in image heights."""

MAX_DEPTH = 10.0
"""Largest depth in metres; everything farther, the sky included, has this depth."""

COLOURS: dict[str, tuple[int, int, int]] = {
    'red': (208, 48, 44),
    'orange': (238, 132, 34),
    'yellow': (240, 204, 48),
    'green': (62, 158, 62),
    'teal': (28, 158, 160),
    'blue': (52, 96, 206),
    'purple': (134, 66, 176),
    'pink': (238, 128, 176),
    'brown': (142, 92, 54),
    'white': (236, 234, 228),
    'grey': (136, 140, 148),
}
"""Colour words and their RGB values."""

TEXTURES: tuple[str, ...] = ('plain', 'striped', 'dotted', 'checked')

SIZES: dict[str, tuple[float, float]] = {
    'small': (0.62, 0.76),
    'medium': (0.84, 1.06),
    'big': (1.16, 1.36),
}
"""Size words and the range of an object's height in metres."""


@dataclass(frozen=True)
class Setting:
    """Where a scene takes place.

    Attributes:
        ground: Surface that the objects stand on.
        backdrop: Surface that rises behind the ground.
        has_wall: Whether the backdrop is a wall at a finite depth; otherwise
            the ground runs to the horizon.
        ground_phrase: How captions name the ground.
        backdrop_phrase: How captions name the backdrop.
    """

    ground: str
    backdrop: str
    has_wall: bool
    ground_phrase: str
    backdrop_phrase: str


SETTINGS: dict[str, Setting] = {
    'meadow': Setting('grass', 'hills', False, 'on the grass', 'in front of green hills'),
    'beach': Setting('sand', 'sea', False, 'on the sand', 'by the sea'),
    'snow': Setting('snow', 'mountains', False, 'in the snow', 'in front of mountains'),
    'road': Setting('road', 'clouds', False, 'on the road', 'under a cloudy sky'),
    'lake': Setting('water', 'forest', False, 'on the water', 'in front of a forest'),
    'room': Setting('planks', 'wallpaper', True, 'on a wooden floor', 'in front of wallpaper'),
    'yard': Setting('tiles', 'bricks', True, 'on the tiles', 'in front of a brick wall'),
    'desert': Setting('dunes', 'sunset', False, 'on the desert sand', 'under a sunset sky'),
}
"""Settings in the order of the captions' ``class_label``."""


@dataclass(frozen=True)
class SceneObject:
    """An object that stands upright on the ground, facing the camera.

    Attributes:
        name: Class word, one of :data:`OBJECT_CLASSES`.
        colour: Word of the body's colour, a key of :data:`COLOURS`.
        accent: Word of the second colour, which captions do not mention.
        texture: One of :data:`TEXTURES`.
        size: Size word, a key of :data:`SIZES`.
        height: Height in metres.
        x: Centre of the object as a fraction of the image width.
        depth: Distance from the camera in metres.
        turns: Rotation in turns, counter-clockwise.
        shift: Phase of the texture, in [0, 1).
    """

    name: str
    colour: str
    accent: str
    texture: str
    size: str
    height: float
    x: float
    depth: float
    turns: float
    shift: float

    @property
    def image_height(self) -> float:
        """Height in the image, in image heights."""
        return FOCAL_LENGTH * self.height / self.depth


@dataclass(frozen=True)
class Scene:
    """A scene.

    Attributes:
        seed: Non-negative integers that the scene was drawn from.
        setting: Key of :data:`SETTINGS`.
        horizon: Row of the horizon as a fraction of the image height.
        camera_height: Height of the camera above the ground in metres.
        wall_depth: Distance of the backdrop in metres: of a wall, or
            :data:`MAX_DEPTH`.
        objects: Objects from far to near, the order in which they are painted.
    """

    seed: tuple[int, ...]
    setting: str
    horizon: float
    camera_height: float
    wall_depth: float
    objects: tuple[SceneObject, ...]

    def ground_row(self, depth: float) -> float:
        """Row at which the ground is ``depth`` metres away, in image heights."""
        return self.horizon + FOCAL_LENGTH * self.camera_height / depth

    def box(self, obj: SceneObject) -> tuple[float, float, float, float]:
        """Bounding box (left, top, right, bottom) of a whole object, in image heights."""
        bottom, height = self.ground_row(obj.depth), obj.image_height
        half_width = height * class_width(obj.name) / 2
        return obj.x - half_width, bottom - height, obj.x + half_width, bottom


class RandomStream:
    """Random numbers that are the same in every numpy release.

    Only ``RandomState.random_sample`` is used: numpy's policy freezes its values, and all other
    methods are arithmetic on them.

    Args:
        *seed (int): Non-negative integers.
    """

    def __init__(self, *seed: int) -> None:
        self._state = np.random.RandomState(list(seed))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return a number in [low, high)."""
        return low + (high - low) * float(self._state.random_sample())

    def integer(self, low: int, high: int) -> int:
        """Return an integer in [low, high], both included."""
        return low + int(self.uniform() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """Return one of ``items``."""
        return items[self.integer(0, len(items) - 1)]

    def noise(self, *shape: int) -> np.ndarray:
        """Return uniform noise in [0, 255], uint8."""
        return (self._state.random_sample(shape) * 256).astype(np.uint8)


def sample_scene(*seed: int, min_objects: int = 3, max_objects: int = 6) -> Scene:
    """Draw a scene.

    Args:
        *seed (int): Non-negative integers, e.g. the dataset's seed, the number
            of the split and the index of the image.
        min_objects (int): Fewest objects aimed at. A crowded scene can end
            with fewer where no free place is found, never with none.
        max_objects (int): Most objects.

    Returns:
        Scene: The same scene for the same arguments, on any machine.
    """
    if not 1 <= min_objects <= max_objects:
        raise ValueError(
            f'expected 1 <= min_objects <= max_objects, '
            f'got min_objects={min_objects}, max_objects={max_objects}'
        )
    stream = RandomStream(*seed)
    setting = stream.pick(list(SETTINGS))
    scene = Scene(
        seed=seed,
        setting=setting,
        horizon=stream.uniform(0.34, 0.46),
        camera_height=stream.uniform(1.0, 1.25),
        wall_depth=stream.uniform(6.2, 8.0) if SETTINGS[setting].has_wall else MAX_DEPTH,
        objects=(),
    )
    objects: list[SceneObject] = []
    for _ in range(stream.integer(min_objects, max_objects)):
        obj = _draw_object(stream)
        for _ in range(80):
            obj = _place(obj, stream)
            if _fits(scene, obj, objects):
                objects.append(obj)
                break
    objects.sort(key=lambda o: -o.depth)
    return Scene(**{**vars(scene), 'objects': tuple(objects)})


def _draw_object(stream: RandomStream) -> SceneObject:
    name = stream.pick(OBJECT_CLASSES)
    colour, accent = stream.pick(list(COLOURS)), stream.pick(list(COLOURS))
    if accent == colour:
        accent = 'white' if colour != 'white' else 'red'
    # Plain objects are as common as all textured ones together.
    texture = stream.pick(TEXTURES[1:]) if stream.uniform() < 0.5 else TEXTURES[0]
    size = stream.pick(('small', 'medium', 'medium', 'big'))
    tilt = 0.5 if name in ROLLING else 0.012
    return SceneObject(
        name=name,
        colour=colour,
        accent=accent,
        texture=texture,
        size=size,
        height=stream.uniform(*SIZES[size]),
        x=0.5,
        depth=3.0,
        turns=stream.uniform(-tilt, tilt),
        shift=stream.uniform(),
    )


def _place(obj: SceneObject, stream: RandomStream) -> SceneObject:
    # Uniform in 1/depth, so that objects are spread evenly over the rows of the image.
    depth = 1.0 / stream.uniform(1 / 4.8, 1 / 2.0)
    return SceneObject(**{**vars(obj), 'depth': depth, 'x': stream.uniform(0.04, 0.96)})


def _fits(scene: Scene, obj: SceneObject, others: list[SceneObject]) -> bool:
    """Return whether ``obj`` lies inside the image and no object is more than 40 % hidden."""
    left, top, right, bottom = scene.box(obj)
    width = right - left
    if bottom > 0.98 or top < 0.02 or left < -0.12 * width or right > 1 + 0.12 * width:
        return False
    everyone = [*others, obj]
    for one in everyone:
        hidden = sum(
            _overlap(scene.box(one), scene.box(two)) for two in everyone if two.depth < one.depth
        )
        if hidden > 0.4:
            return False
    return True


def _overlap(one: tuple[float, ...], two: tuple[float, ...]) -> float:
    """Return the share of box ``one`` that lies inside box ``two``."""
    width = min(one[2], two[2]) - max(one[0], two[0])
    height = min(one[3], two[3]) - max(one[1], two[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / ((one[2] - one[0]) * (one[3] - one[1]))
