"""The 24 object classes and their shapes.

Classes of a group share a silhouette and differ in details only, so a small or blurred object is
easily confused with the other classes of its group. Colour and texture are drawn independently of
the class and do not reveal it.
"""

from functools import cache, lru_cache
from typing import NamedTuple

from .geometry import (
    Outline,
    arc,
    bar,
    box,
    cos_turns,
    disc,
    polygon,
    ring,
    rotate,
    sector,
    sin_turns,
    spokes,
    with_hole,
)

GROUPS: dict[str, tuple[str, ...]] = {
    'disc': ('ball', 'wheel', 'plate', 'clock', 'cookie', 'button'),
    'spiky': ('star', 'flower', 'gear', 'sun'),
    'boxy': ('crate', 'door', 'window', 'gift'),
    'stalk': ('tree', 'mushroom', 'lamp', 'umbrella'),
    'triangle': ('tent', 'cone', 'pyramid'),
    'tall': ('tower', 'rocket', 'bottle'),
}
"""Silhouette groups of confusable classes."""

OBJECT_CLASSES: tuple[str, ...] = tuple(name for names in GROUPS.values() for name in names)
"""The object classes in the order of their labels, which start at 1."""

# Classes that look natural at any angle; the others stand upright.
ROLLING = frozenset(GROUPS['disc'] + GROUPS['spiky']) - {'sun'}


class Layer(NamedTuple):
    """One flat part of an object, painted over the parts before it.

    Attributes:
        role: Which of the object's colours it takes: ``body`` (the colour and
            texture of the caption), ``shade``, ``accent``, ``dark``, ``light``,
            ``wood``, ``glass``, ``glow``.
        outlines: The part is their union.
    """

    role: str
    outlines: tuple[Outline, ...]


def _around(count: int, radius: float, size: float, shift: float = 0.0) -> tuple[Outline, ...]:
    return tuple(
        disc(
            radius * cos_turns(shift + i / count),
            0.5 + radius * sin_turns(shift + i / count),
            size,
        )
        for i in range(count)
    )


def _discs() -> dict[str, list[Layer]]:
    wedges = tuple(sector(0, 0.5, 0, 0.5, i / 6, (i + 1) / 6) for i in (0, 2, 4))
    gaps = tuple(sector(0, 0.5, 0.13, 0.33, i / 5 + 0.035, (i + 1) / 5 - 0.035) for i in range(5))
    ticks = tuple(rotate(box(-0.025, 0.82, 0.025, 0.91), i / 12) for i in range(12))
    chips = ((-0.22, 0.62), (0.1, 0.75), (0.26, 0.5), (0, 0.48), (-0.12, 0.26), (0.16, 0.24))
    return {
        'ball': [
            Layer('body', (disc(0, 0.5, 0.5),)),
            Layer('accent', wedges),
            Layer('light', (disc(0, 0.5, 0.11),)),
        ],
        'wheel': [
            Layer('dark', (disc(0, 0.5, 0.5),)),
            Layer('body', (disc(0, 0.5, 0.37),)),
            Layer('dark', gaps),
            Layer('accent', (disc(0, 0.5, 0.08),)),
        ],
        'plate': [
            Layer('body', (disc(0, 0.5, 0.5),)),
            Layer('light', (ring(0, 0.5, 0.42, 0.35),)),
            Layer('accent', (ring(0, 0.5, 0.29, 0.25),)),
            Layer('shade', (ring(0, 0.5, 0.25, 0.2),)),
        ],
        'clock': [
            Layer('body', (disc(0, 0.5, 0.5),)),
            Layer('light', (disc(0, 0.5, 0.42),)),
            Layer('dark', ticks),
            Layer('dark', (bar(0, 0.5, 0.01, 0.79, 0.05),)),
            Layer('dark', (bar(0, 0.5, 0.19, 0.44, 0.07),)),
            Layer('accent', (disc(0, 0.5, 0.05),)),
        ],
        'cookie': [
            Layer('body', (spokes(0, 0.5, (0.5, 0.465), 14),)),
            Layer('dark', tuple(disc(x, y, 0.068, 10) for x, y in chips)),
            Layer('shade', tuple(disc(x + 0.11, y - 0.09, 0.035, 8) for x, y in chips)),
        ],
        'button': [
            Layer('body', (disc(0, 0.5, 0.5),)),
            Layer('shade', (ring(0, 0.5, 0.38, 0.31),)),
            Layer('dark', _around(4, 0.155, 0.07, 0.125)),
        ],
    }


def _spiky() -> dict[str, list[Layer]]:
    star = spokes(0, 0.46, (0.54, 0.22), 5)
    facets = tuple(
        polygon((0, 0.46), tuple(star[2 * i]), tuple(star[(2 * i - 1) % 10])) for i in range(5)
    )
    rays = tuple(rotate(polygon((-0.1, 0.83), (0.1, 0.83), (0, 1.02)), i / 10) for i in range(10))
    smile = arc(0, 0.48, 0.16, 0.16, 0.55, 0.95, 12)
    grin = arc(0, 0.51, 0.16, 0.13, 0.95, 0.55, 12)
    return {
        'star': [Layer('body', (star,)), Layer('shade', facets)],
        'flower': [
            Layer('body', _around(6, 0.31, 0.19, 0.25)),
            Layer('shade', _around(6, 0.24, 0.05, 0.25)),
            Layer('accent', (disc(0, 0.5, 0.16),)),
        ],
        'gear': [
            Layer(
                'body', (with_hole(spokes(0, 0.5, (0.5, 0.5, 0.38, 0.38), 9), disc(0, 0.5, 0.13)),)
            ),
            Layer('shade', (ring(0, 0.5, 0.27, 0.2),)),
        ],
        'sun': [
            Layer('accent', rays),
            Layer('body', (disc(0, 0.5, 0.32),)),
            Layer('dark', (disc(-0.11, 0.57, 0.045, 10), disc(0.11, 0.57, 0.045, 10))),
            Layer('dark', (polygon(*map(tuple, smile), *map(tuple, grin)),)),
        ],
    }


def _boxy() -> dict[str, list[Layer]]:
    frame = with_hole(box(-0.45, 0, 0.45, 0.9), box(-0.35, 0.1, 0.35, 0.8))
    panes = tuple(box(x, y, x + 0.29, y + 0.36) for x in (-0.33, 0.04) for y in (0.1, 0.52))
    panels = tuple(box(x, y, x + 0.18, y + 0.34) for x in (-0.23, 0.05) for y in (0.1, 0.54))
    bow = (
        polygon((0, 0.74), (-0.24, 0.98), (-0.3, 0.8)),
        polygon((0, 0.74), (0.24, 0.98), (0.3, 0.8)),
    )
    return {
        'crate': [
            Layer('body', (box(-0.45, 0, 0.45, 0.9),)),
            Layer('shade', (bar(-0.4, 0.05, 0.4, 0.85, 0.11),)),
            Layer('shade', (bar(-0.4, 0.85, 0.4, 0.05, 0.11),)),
            Layer('accent', (frame,)),
        ],
        'door': [
            Layer('wood', (box(-0.37, 0, 0.37, 1.0),)),
            Layer('body', (box(-0.31, 0, 0.31, 0.94),)),
            Layer('shade', panels),
            Layer('light', (disc(0.24, 0.47, 0.05, 10),)),
        ],
        'window': [
            Layer('body', (box(-0.41, 0.02, 0.41, 0.98),)),
            Layer('glass', panes),
            Layer('accent', (box(-0.46, 0, 0.46, 0.07),)),
        ],
        'gift': [
            Layer('body', (box(-0.42, 0, 0.42, 0.62),)),
            Layer('shade', (box(-0.46, 0.6, 0.46, 0.76),)),
            Layer('accent', (box(-0.08, 0, 0.08, 0.76),)),
            Layer('accent', bow),
        ],
    }


def _stalks() -> dict[str, list[Layer]]:
    canopy = arc(0, 0.52, 0.5, 0.46, 0, 0.5)
    crown = ((0, 0.78, 0.22), (-0.22, 0.62, 0.22), (0.22, 0.62, 0.22), (0, 0.55, 0.24))
    hook = box(0.11, 0, 0.17, 0.14)
    ribs = tuple(polygon((0, 0.98), (x, 0.52), (x + 0.17, 0.52)) for x in (-0.5, -0.165, 0.165))
    return {
        'tree': [
            Layer('wood', (polygon((-0.1, 0), (0.1, 0), (0.06, 0.5), (-0.06, 0.5)),)),
            Layer('body', tuple(disc(x, y, r) for x, y, r in crown)),
            Layer('shade', tuple(disc(x + 0.05, y - 0.07, 0.07, 12) for x, y, _ in crown)),
        ],
        'mushroom': [
            Layer('light', (polygon((-0.15, 0), (0.15, 0), (0.1, 0.5), (-0.1, 0.5)),)),
            Layer('body', (canopy,)),
            Layer(
                'light',
                (disc(-0.22, 0.68, 0.08), disc(0.08, 0.8, 0.09), disc(0.27, 0.63, 0.065)),
            ),
        ],
        'lamp': [
            Layer('dark', (box(-0.035, 0.04, 0.035, 0.62), arc(0, 0, 0.24, 0.09, 0, 0.5))),
            Layer('glow', (disc(0, 0.5, 0.09, 14),)),
            Layer('body', (polygon((-0.4, 0.52), (0.4, 0.52), (0.2, 0.98), (-0.2, 0.98)),)),
            Layer('accent', (polygon((-0.4, 0.52), (0.4, 0.52), (0.37, 0.6), (-0.37, 0.6)),)),
        ],
        'umbrella': [
            Layer('dark', (box(-0.03, 0, 0.03, 1.0), box(0, 0, 0.17, 0.06), hook)),
            Layer('body', (canopy,)),
            Layer('accent', (ribs[1],)),
            Layer('shade', (ribs[0], ribs[2])),
        ],
    }


def _triangles() -> dict[str, list[Layer]]:
    courses = tuple(
        box(-0.5 * (1 - y) - 0.02, y - 0.012, 0.5 * (1 - y) + 0.02, y + 0.018)
        for y in (0.2, 0.4, 0.6, 0.8)
    )
    return {
        'tent': [
            Layer('body', (polygon((-0.5, 0), (0.5, 0), (0.03, 0.95), (-0.03, 0.95)),)),
            Layer('accent', (polygon((0.2, 0), (0.5, 0), (0, 0.95)),)),
            Layer('dark', (polygon((-0.17, 0), (0.17, 0), (0, 0.6)),)),
        ],
        'cone': [
            Layer('body', (polygon((-0.33, 0.08), (0.33, 0.08), (0.07, 1), (-0.07, 1)),)),
            Layer('light', (polygon((-0.25, 0.38), (0.25, 0.38), (0.19, 0.58), (-0.19, 0.58)),)),
            Layer('light', (polygon((-0.14, 0.75), (0.14, 0.75), (0.11, 0.86), (-0.11, 0.86)),)),
            Layer('shade', (box(-0.46, 0, 0.46, 0.1),)),
        ],
        'pyramid': [
            Layer('body', (polygon((-0.5, 0), (0.5, 0), (0, 1)),)),
            Layer('shade', (polygon((0.14, 0), (0.5, 0), (0, 1)),)),
            Layer('dark', courses),
        ],
    }


def _tall() -> dict[str, list[Layer]]:
    merlons = tuple(box(x, 0.86, x + 0.1, 1.0) for x in (-0.25, -0.05, 0.15))
    fins = tuple(polygon((x, 0.36), (x, 0.1), (1.8 * x, 0.04)) for x in (-0.16, 0.16))
    hull = polygon((-0.16, 0.14), (0.16, 0.14), (0.18, 0.45), (0.13, 0.75), (0, 1.0))
    hull = polygon(*map(tuple, hull), (-0.13, 0.75), (-0.18, 0.45))
    flask = polygon((-0.2, 0), (0.2, 0), (0.2, 0.55), (0.07, 0.72), (0.07, 0.92))
    flask = polygon(*map(tuple, flask), (-0.07, 0.92), (-0.07, 0.72), (-0.2, 0.55))
    return {
        'tower': [
            Layer('body', (box(-0.2, 0, 0.2, 0.76),)),
            Layer('body', (box(-0.25, 0.74, 0.25, 0.88), *merlons)),
            Layer('shade', (box(0.08, 0, 0.2, 0.74),)),
            Layer('dark', (box(-0.05, 0.5, 0.04, 0.66), box(-0.08, 0, 0.08, 0.2))),
        ],
        'rocket': [
            Layer('accent', fins),
            Layer('glow', (polygon((-0.1, 0.14), (0.1, 0.14), (0, 0)),)),
            Layer('body', (hull,)),
            Layer('accent', (polygon((-0.115, 0.79), (0.115, 0.79), (0, 1.0)),)),
            Layer('light', (disc(0, 0.58, 0.085, 16),)),
        ],
        'bottle': [
            Layer('body', (flask,)),
            Layer('dark', (box(-0.085, 0.9, 0.085, 1.0),)),
            Layer('accent', (box(-0.2, 0.17, 0.2, 0.45),)),
            Layer('light', (box(-0.1, 0.24, 0.1, 0.38),)),
        ],
    }


@lru_cache(maxsize=1)
def class_layers() -> dict[str, list[Layer]]:
    """Layers of every class in the unit frame, bottom layer first."""
    return {**_discs(), **_spiky(), **_boxy(), **_stalks(), **_triangles(), **_tall()}


@cache
def class_width(name: str) -> float:
    """Largest horizontal extent of a class, as a fraction of its height."""
    widths = [abs(o[:, 0]).max() for layer in class_layers()[name] for o in layer.outlines]
    return 1.0 if name in ROLLING else float(2 * max(widths))
