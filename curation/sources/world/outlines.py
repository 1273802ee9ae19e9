"""Outlines of the twelve kinds, their masks on the canvas, and what covers what."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curation.sources.world.scene import HEIGHT_PX, HOLE_RADIUS, WIDTH_PX, Kind, Thing

Point = tuple[float, float]
BoolArray = NDArray[np.bool_]


def outline(thing: Thing, *, scale: float = 1.0, origin: Point = (0.0, 0.0)) -> list[Point]:
    """Corners of the outer edge; y points down, everything lies within 1.1 radii of the centre."""
    return _place(_OUTLINES[thing.kind], thing, scale, origin)


def hole(thing: Thing, *, scale: float = 1.0, origin: Point = (0.0, 0.0)) -> list[Point]:
    """Corners of the hole; empty for kinds that have none."""
    return _place(_HOLES.get(thing.kind, []), thing, scale, origin)


def bounding_box(points: Sequence[Point]) -> tuple[float, float, float, float]:
    """Smallest box around the corners as x1, y1, x2, y2, to a tenth of a unit."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return round(min(xs), 1), round(min(ys), 1), round(max(xs), 1), round(max(ys), 1)


def canvas_mask(thing: Thing) -> BoolArray:
    """Pixels of the canvas that the thing fills, [height, width]; hole left out."""
    from PIL import Image, ImageDraw

    mask = Image.new("1", (WIDTH_PX, HEIGHT_PX))
    pencil = ImageDraw.Draw(mask)
    pencil.polygon(outline(thing), fill=1)
    if inner := hole(thing):
        pencil.polygon(inner, fill=0)
    return np.asarray(mask)


def visible_shares(masks: Sequence[BoolArray]) -> list[float]:
    """Share of each shape that later ones leave uncovered; masks in drawing order."""
    shares = []
    for index, mask in enumerate(masks):
        covered = np.any(np.stack(masks[index:])[1:], axis=0)  # [h, w]
        shares.append(1.0 - float((mask & covered).sum() / mask.sum()))
    return shares


def _place(points: Sequence[Point], thing: Thing, scale: float, origin: Point) -> list[Point]:
    sine, cosine = math.sin(math.radians(thing.tilt_deg)), math.cos(math.radians(thing.tilt_deg))
    centre = (thing.centre_x_px * scale - origin[0], thing.centre_y_px * scale - origin[1])
    radius = thing.radius_px * scale
    return [
        (centre[0] + radius * (x * cosine - y * sine), centre[1] + radius * (x * sine + y * cosine)) for x, y in points
    ]


def _polar(radii: Sequence[float], *, first_deg: float = -90.0) -> list[Point]:
    angles = [math.radians(first_deg + 360.0 * step / len(radii)) for step in range(len(radii))]
    return [(radius * math.cos(angle), radius * math.sin(angle)) for radius, angle in zip(radii, angles, strict=True)]


def _square(half: float) -> list[Point]:
    return [(-half, -half), (half, -half), (half, half), (-half, half)]


def _heart() -> list[Point]:
    points = []
    for step in range(72):
        angle = math.tau * step / 72
        depth = 13 * math.cos(angle) - 5 * math.cos(2 * angle) - 2 * math.cos(3 * angle) - math.cos(4 * angle)
        points.append((16 * math.sin(angle) ** 3 / 17.5, -(depth + 2.5) / 17.5))
    return points


def _moon() -> list[Point]:
    """A crescent open to the right: most of a circle, closed by the arc of a second one."""
    outer = [math.radians(50 + 260 * step / 48) for step in range(49)]
    tip_x, tip_y = math.cos(outer[0]), math.sin(outer[0])
    centre_x = tip_x + 0.02
    points = [(math.cos(angle), math.sin(angle)) for angle in outer]
    arc = [math.radians(-90 - 180 * step / 32) for step in range(1, 32)]
    return [(x + 0.2, y) for x, y in points + [(centre_x + 0.72 * math.cos(a), tip_y * math.sin(a)) for a in arc]]


def _drop() -> list[Point]:
    """A round belly with a pointed top."""
    arc = [math.radians(-28 + 236 * step / 48) for step in range(49)]
    return [(0.0, -1.0), *((0.66 * math.cos(a), 0.3 + 0.66 * math.sin(a)) for a in arc)]


def _cross() -> list[Point]:
    wide, narrow = 0.92, 0.32
    corner = [(-narrow, -wide), (narrow, -wide), (narrow, -narrow)]
    points: list[Point] = []
    for _ in range(4):
        points += corner
        corner = [(-y, x) for x, y in corner]
    return points


_OUTLINES: dict[Kind, list[Point]] = {
    "circle": _polar([0.94] * 72),
    "square": _square(0.78),
    "triangle": [(x, y + 0.18) for x, y in _polar([1.02] * 3)],
    "star": _polar([1.05, 0.46] * 5),
    "heart": _heart(),
    "hexagon": _polar([0.96] * 6),
    "ring": _polar([1.0] * 72),
    "frame": _square(0.8),
    "cross": _cross(),
    "moon": _moon(),
    "flower": _polar([0.76 + 0.24 * math.cos(6 * math.tau * step / 120) for step in range(120)]),
    "drop": _drop(),
}
_HOLES: dict[Kind, list[Point]] = {"ring": _polar([HOLE_RADIUS["ring"]] * 60), "frame": _square(HOLE_RADIUS["frame"])}
