"""Outlines of the twelve kinds, and what covers what."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curation.sources.world.scene import HOLE_RADIUS, Kind, Thing

Point = tuple[float, float]
BoolArray = NDArray[np.bool_]
REACH = 1.1  # no outline is wider than this many radii


def edges(thing: Thing, *, scale: float = 1.0, origin: Point = (0.0, 0.0)) -> list[list[Point]]:
    """Corners of the outer edge, then those of the hole if there is one.

    y points down, and everything lies within `REACH` radii of the centre.
    """
    sine, cosine = math.sin(math.radians(thing.tilt_deg)), math.cos(math.radians(thing.tilt_deg))
    centre = (thing.centre_x_px * scale - origin[0], thing.centre_y_px * scale - origin[1])
    radius = thing.radius_px * scale
    return [
        [(centre[0] + radius * (x * cosine - y * sine), centre[1] + radius * (x * sine + y * cosine)) for x, y in edge]
        for edge in _EDGES[thing.kind]
    ]


def bounding_box(points: Sequence[Point]) -> tuple[float, float, float, float]:
    """Smallest box around the corners as x1, y1, x2, y2, to a tenth of a unit."""
    xs, ys = zip(*points, strict=True)
    return round(min(xs), 1), round(min(ys), 1), round(max(xs), 1), round(max(ys), 1)


def visible_shares(masks: Sequence[BoolArray]) -> list[float]:
    """Share of each shape that later ones leave uncovered; masks in drawing order."""
    covered = (mask & np.logical_or.reduce(masks[place:]) for place, mask in enumerate(masks, start=1))  # [h, w] each
    return [1.0 - float(hidden.sum() / mask.sum()) for hidden, mask in zip(covered, masks, strict=True)]


def _angles(first_deg: float, sweep_deg: float, steps: int) -> list[float]:
    """The angles that divide an arc into so many steps, in radians, ends included."""
    return [math.radians(first_deg + sweep_deg * step / steps) for step in range(steps + 1)]


def _polar(radii: Sequence[float]) -> list[Point]:
    angles = _angles(-90.0, 360.0, len(radii))[:-1]
    return [(radius * math.cos(angle), radius * math.sin(angle)) for radius, angle in zip(radii, angles, strict=True)]


def _square(half: float) -> list[Point]:
    return [(-half, -half), (half, -half), (half, half), (-half, half)]


def _heart() -> list[Point]:
    points = []
    for angle in (math.tau * step / 72 for step in range(72)):
        depth = 13 * math.cos(angle) - 5 * math.cos(2 * angle) - 2 * math.cos(3 * angle) - math.cos(4 * angle)
        points.append((16 * math.sin(angle) ** 3 / 17.5, -(depth + 2.5) / 17.5))
    return points


def _moon() -> list[Point]:
    """A crescent open to the right: most of a circle, closed by the arc of a second one."""
    outer = [(math.cos(angle), math.sin(angle)) for angle in _angles(50, 260, 48)]
    tip_x, tip_y = outer[0]
    inner = [(tip_x + 0.02 + 0.72 * math.cos(a), tip_y * math.sin(a)) for a in _angles(-90, -180, 32)[1:-1]]
    return [(x + 0.2, y) for x, y in outer + inner]


def _drop() -> list[Point]:
    """A round belly with a pointed top."""
    return [(0.0, -1.0), *((0.66 * math.cos(a), 0.3 + 0.66 * math.sin(a)) for a in _angles(-28, 236, 48))]


def _cross() -> list[Point]:
    far, near = 0.92, 0.32
    upper = [(-near, -far), (near, -far), (near, -near), (far, -near), (far, near), (near, near)]
    return upper + [(-x, -y) for x, y in upper]


_EDGES: dict[Kind, list[list[Point]]] = {
    "circle": [_polar([0.94] * 72)],
    "square": [_square(0.78)],
    "triangle": [[(x, y + 0.18) for x, y in _polar([1.02] * 3)]],
    "star": [_polar([1.05, 0.46] * 5)],
    "heart": [_heart()],
    "hexagon": [_polar([0.96] * 6)],
    "ring": [_polar([1.0] * 72), _polar([HOLE_RADIUS["ring"]] * 60)],
    "frame": [_square(0.8), _square(HOLE_RADIUS["frame"])],
    "cross": [_cross()],
    "moon": [_moon()],
    "flower": [_polar([0.76 + 0.24 * math.cos(6 * math.tau * step / 120) for step in range(120)])],
    "drop": [_drop()],
}
