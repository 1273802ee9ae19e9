"""A scene's picture: paper stickers with soft shadows on a quiet backdrop, drawn large and scaled down."""

import io
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, count, product, takewhile
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from curation.sources.world import scene as facts
from curation.sources.world.outlines import BoolArray, Point, bounding_box, edges
from curation.sources.world.scene import HEIGHT_PX, HOLE_RADIUS, WIDTH_PX, Scene, Thing
from curation.sources.world.wording import read_table

Rgb = tuple[int, int, int]

SUPERSAMPLING = 3
JPEG_QUALITY = 92
NOISE_SIGMA: dict[facts.Noise, float] = {"none": 0.0, "light": 3.5, "strong": 8.0}

_PALETTE = read_table("palette.json", dict[str, dict[str, Rgb]])
_WHITE: Rgb = (255, 255, 255)
_SHADE: Rgb = (40, 44, 66)
_SIZE = (WIDTH_PX * SUPERSAMPLING, HEIGHT_PX * SUPERSAMPLING)


def render_jpeg(scene: Scene) -> bytes:
    """The scene's picture as JPEG bytes, 320 x 240 RGB; the same bytes for the same scene and Pillow."""
    canvas = draw_backdrop(scene.backdrop).copy()
    for thing in scene.things:
        draw_thing(canvas, thing)
    picture = canvas.reduce(SUPERSAMPLING)
    if sigma := NOISE_SIGMA[scene.backdrop.noise]:
        noise = scene.noise_stream("noise").normal(0.0, sigma, (HEIGHT_PX, WIDTH_PX, 1))
        picture = Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).round().astype(np.uint8))
    encoded = io.BytesIO()
    picture.save(encoded, format="JPEG", quality=JPEG_QUALITY)
    return encoded.getvalue()


def _blend(colour: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _gradient(size: tuple[int, int], top: Rgb, bottom: Rgb) -> Image.Image:
    """An area that turns from one colour at the top to another at the bottom."""
    share = np.linspace(0.0, 1.0, size[1])[:, None]  # [h, 1]
    column = np.round((1 - share) * top + share * bottom).astype(np.uint8)  # [h, 3]
    return Image.fromarray(np.repeat(column[:, None], size[0], axis=1))


def draw_thing(canvas: Image.Image, thing: Thing) -> None:
    """Stick the thing onto a canvas of `SUPERSAMPLING` times the picture's size, its shadow first."""
    scale, margin = SUPERSAMPLING, 8 * SUPERSAMPLING
    x1, y1, x2, y2 = (edge * scale for edge in thing.box_xyxy_px)
    corner = (math.floor(x1) - margin, math.floor(y1) - margin)
    size = (math.ceil(x2 - x1) + 2 * margin, math.ceil(y2 - y1) + 2 * margin)
    rims = edges(thing, scale=scale, origin=corner)
    mask = _filled("L", size, rims)
    paper = mask.copy()
    _trace(ImageDraw.Draw(paper), rims, _WHITE[0], width_px=3.4)  # half of the border lies outside the edge
    shadow = paper.filter(ImageFilter.GaussianBlur(2.6 * scale)).point(lambda level: level * 0.36)
    canvas.paste(_SHADE, (corner[0] + round(1.5 * scale), corner[1] + 3 * scale), shadow)
    canvas.paste(_WHITE, corner, paper)
    canvas.paste(_surface(thing, size, rims), corner, mask)


def canvas_mask(thing: Thing) -> BoolArray:
    """Pixels of the picture that the thing fills, [height, width]; hole left out."""
    return np.asarray(_filled("1", (WIDTH_PX, HEIGHT_PX), edges(thing)))


def _filled(mode: Literal["1", "L"], size: tuple[int, int], rims: Sequence[Sequence[Point]]) -> Image.Image:
    """The shape in white on black."""
    mask = Image.new(mode, size)
    for rim, ink in zip(rims, (255, 0)[: len(rims)], strict=True):
        ImageDraw.Draw(mask).polygon(rim, fill=ink)
    return mask


def _trace(pencil: ImageDraw.ImageDraw, rims: Sequence[Sequence[Point]], ink: Rgb | int, *, width_px: float) -> None:
    for rim in rims:
        pencil.line([*rim, *rim[:2]], fill=ink, width=round(width_px * SUPERSAMPLING), joint="curve")


def _surface(thing: Thing, size: tuple[int, int], rims: Sequence[Sequence[Point]]) -> Image.Image:
    """The shape's surface: lit from above, with its pattern and a darker rim."""
    base = _PALETTE["colours"][thing.colour]
    surface = _gradient(size, _blend(base, _WHITE, 0.14), base)
    pencil = ImageDraw.Draw(surface)
    _draw_pattern(pencil, thing, bounding_box(rims[0]))
    _trace(pencil, rims, _blend(base, (16, 18, 30), 0.32), width_px=3.2)
    return surface


def _draw_pattern(pencil: ImageDraw.ImageDraw, thing: Thing, box: tuple[float, float, float, float]) -> None:
    ink = _blend(_PALETTE["colours"][thing.colour], _WHITE, 0.66)
    x1, y1, x2, y2 = box
    pitch = SUPERSAMPLING * ((4.0 if thing.kind in HOLE_RADIUS else 6.0) + 0.1 * thing.radius_px)
    if thing.pattern == "striped":
        for start in takewhile(lambda start: start < x2, count(x1 - (y2 - y1), pitch)):
            pencil.line([(start, y2), (start + y2 - y1, y1)], fill=ink, width=round(0.36 * pitch))
    if thing.pattern == "dotted":
        dot = 0.24 * pitch
        for row, column in product(range(math.ceil((y2 - y1) / pitch) + 1), range(math.ceil((x2 - x1) / pitch) + 1)):
            x, y = x1 + (column + 0.5 * (row % 2)) * pitch, y1 + row * pitch
            pencil.ellipse([x - dot, y - dot, x + dot, y + dot], fill=ink)


@lru_cache(maxsize=1)  # a scene's picture and film share it
def draw_backdrop(backdrop: facts.Backdrop) -> Image.Image:
    """The canvas before there are things on it, `SUPERSAMPLING` times as large as the picture; copy it to draw."""
    tint = _PALETTE["tints"][backdrop.tint]
    canvas = _gradient(_SIZE, _blend(tint, _WHITE, 0.55), _blend(tint, _SHADE, 0.05))
    pencil = ImageDraw.Draw(canvas)
    for points, width, shade in chain(_lines(backdrop.motif), _areas(backdrop.motif)):
        ink = _blend(tint, _SHADE, shade)
        if width:
            pencil.line(points, fill=ink, width=width)
        else:
            pencil.polygon(points, fill=ink)
    return canvas


def _lines(motif: facts.Motif) -> Iterator[tuple[Sequence[Point], int, float]]:
    """Lines of a motif, their widths and how dark they are."""
    (width, height), scale, shade = _SIZE, SUPERSAMPLING, 0.13
    match motif:
        case "grid":
            for at in range(10 * scale, width, 20 * scale):
                yield [(at, 0), (at, height)], scale, shade
                yield [(0, at), (width, at)], scale, shade
        case "waves":
            for y in range(11 * scale, height + 22 * scale, 22 * scale):
                turns = ((x, math.tau * x / (width / 7)) for x in range(0, width + 8, 8))
                yield [(x, y + 5 * scale * math.sin(turn)) for x, turn in turns], 2 * scale, shade
        case "bricks":
            for row, y in enumerate(range(0, height, 20 * scale)):
                yield [(0, y), (width, y)], round(1.4 * scale), shade
                for x in range(20 * scale * (row % 2), width, 40 * scale):
                    yield [(x, y), (x, y + 20 * scale)], round(1.4 * scale), shade


def _areas(motif: facts.Motif) -> Iterator[tuple[Sequence[Point], int, float]]:
    """Filled areas of a motif, which have no width, and how dark they are."""
    width, height = _SIZE
    match motif:
        case "hills":
            for layer, (level, swing, waves) in enumerate(((0.52, 0.07, 1.3), (0.68, 0.06, 1.9), (0.84, 0.05, 1.1))):
                turns = ((x, math.tau * waves * x / width + 2.1 * layer) for x in range(0, width + 8, 8))
                ridge = ((x, height * (level + swing * math.sin(turn))) for x, turn in turns)
                yield [(0, height), *ridge, (width + 8, height)], 0, 0.06 + 0.05 * layer
        case "rays":
            foot, reach = (width / 2, height * 1.05), width * 1.2
            for ray in range(0, 36, 2):
                angles = (math.radians(ray * 10), math.radians(ray * 10 + 10))
                rim = ((foot[0] + reach * math.cos(one), foot[1] + reach * math.sin(one)) for one in angles)
                yield [foot, *rim], 0, 0.08
