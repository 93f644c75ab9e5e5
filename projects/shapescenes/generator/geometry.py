"""Outlines in the unit frame of an object: x to the right in [-0.5, 0.5], y up in [0, 1].

Sines are rounded to 20 bits, so coordinates do not depend on the last bit of the machine's maths
library. Everything else is plain IEEE arithmetic.
"""

import math

import numpy as np

# An outline is an (n, 2) array of float64 points, closed implicitly.
Outline = np.ndarray


def sin_turns(turns: float) -> float:
    """Sine of an angle given in turns (1 = 360°), rounded to 20 bits."""
    return round(math.sin(2 * math.pi * turns) * 2**20) / 2**20


def cos_turns(turns: float) -> float:
    """Cosine of an angle given in turns (1 = 360°), rounded to 20 bits."""
    return sin_turns(turns + 0.25)


def polygon(*points: tuple[float, float]) -> Outline:
    """Outline through the given (x, y) points."""
    return np.array(points, dtype=np.float64)


def box(x0: float, y0: float, x1: float, y1: float) -> Outline:
    """Axis-aligned rectangle."""
    return polygon((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def arc(
    cx: float, cy: float, rx: float, ry: float, start: float, stop: float, steps: int = 24
) -> Outline:
    """Points on an ellipse from ``start`` to ``stop`` turns, counter-clockwise from +x."""
    angles = [start + (stop - start) * i / steps for i in range(steps + 1)]
    return polygon(*((cx + rx * cos_turns(a), cy + ry * sin_turns(a)) for a in angles))


def disc(cx: float, cy: float, r: float, steps: int = 36) -> Outline:
    """Circle."""
    return arc(cx, cy, r, r, 0.0, 1.0, steps)[:-1]


def sector(cx: float, cy: float, inner: float, outer: float, start: float, stop: float) -> Outline:
    """Part of a ring between two radii and two angles (turns)."""
    return np.concatenate(
        [
            arc(cx, cy, outer, outer, start, stop, 8),
            arc(cx, cy, inner, inner, stop, start, 8),
        ]
    )


def spokes(
    cx: float, cy: float, radii: tuple[float, ...], count: int, shift: float = 0.0
) -> Outline:
    """Outline that repeats ``radii`` ``count`` times around a centre: stars, gears, bumps."""
    total = count * len(radii)
    return polygon(
        *(
            (
                cx + radii[i % len(radii)] * cos_turns(0.25 + shift + i / total),
                cy + radii[i % len(radii)] * sin_turns(0.25 + shift + i / total),
            )
            for i in range(total)
        )
    )


def bar(x0: float, y0: float, x1: float, y1: float, width: float) -> Outline:
    """Straight stroke of a given width."""
    dx, dy = x1 - x0, y1 - y0
    length = math.sqrt(dx * dx + dy * dy)
    nx, ny = -dy / length * width / 2, dx / length * width / 2
    return polygon((x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny), (x0 - nx, y0 - ny))


def with_hole(outer: Outline, inner: Outline) -> Outline:
    """One outline that runs around ``outer``, then around ``inner``, which becomes a hole."""
    return np.concatenate([outer, outer[:1], inner, inner[:1]])


def ring(cx: float, cy: float, outer: float, inner: float) -> Outline:
    """Area between two circles."""
    return with_hole(disc(cx, cy, outer), disc(cx, cy, inner))


def rotate(outline: Outline, turns: float, cx: float = 0.0, cy: float = 0.5) -> Outline:
    """Rotate counter-clockwise about (cx, cy)."""
    c, s = cos_turns(turns), sin_turns(turns)
    x, y = outline[:, 0] - cx, outline[:, 1] - cy
    return np.stack([cx + x * c - y * s, cy + x * s + y * c], axis=1)
