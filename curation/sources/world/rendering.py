"""A scene's picture: paper stickers with soft shadows on a quiet backdrop, drawn large and scaled down."""

import io
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from curation.sources.world.outlines import Point, bounding_box, hole, outline
from curation.sources.world.scene import (
    HEIGHT_PX,
    HOLE_RADIUS,
    WIDTH_PX,
    Backdrop,
    Colour,
    Noise,
    Scene,
    Thing,
    Tint,
    random_stream,
)

Rgb = tuple[int, int, int]

SUPERSAMPLING = 3
JPEG_QUALITY = 92

_COLOURS: dict[Colour, Rgb] = {
    "red": (222, 58, 62),
    "orange": (245, 136, 36),
    "yellow": (250, 206, 56),
    "green": (56, 158, 92),
    "blue": (48, 112, 214),
    "purple": (132, 76, 186),
    "pink": (246, 140, 182),
    "black": (44, 48, 58),
}
_TINTS: dict[Tint, Rgb] = {
    "cream": (250, 243, 226),
    "mint": (221, 240, 230),
    "frosty": (218, 234, 247),
    "lilac": (233, 226, 244),
    "peach": (252, 229, 216),
    "silver": (231, 234, 238),
}
_NOISE_SIGMA: dict[Noise, float] = {"none": 0.0, "light": 3.5, "strong": 8.0}
_WHITE: Rgb = (255, 255, 255)
_SHADE: Rgb = (40, 44, 66)


def render_jpeg(scene: Scene) -> bytes:
    """The scene's picture as JPEG bytes, 320 x 240 RGB; the same bytes for the same scene and Pillow."""
    canvas = _draw_backdrop(scene.backdrop)
    for thing in scene.things:
        _draw_thing(canvas, thing)
    picture = canvas.reduce(SUPERSAMPLING)
    encoded = io.BytesIO()
    _with_noise(picture, scene).save(encoded, format="JPEG", quality=JPEG_QUALITY)
    return encoded.getvalue()


def _with_noise(picture: Image.Image, scene: Scene) -> Image.Image:
    sigma = _NOISE_SIGMA[scene.backdrop.noise]
    if sigma == 0.0:
        return picture
    generator = np.random.default_rng(random_stream(scene.seed, scene.number, "noise").getrandbits(64))
    noise = generator.normal(0.0, sigma, (HEIGHT_PX, WIDTH_PX, 1))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).round().astype(np.uint8))


def _blend(colour: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _gradient(size: tuple[int, int], top: Rgb, bottom: Rgb) -> Image.Image:
    """An area that turns from one colour at the top to another at the bottom."""
    share = np.linspace(0.0, 1.0, size[1])[:, None]  # [h, 1]
    column = np.round((1 - share) * top + share * bottom).astype(np.uint8)  # [h, 3]
    return Image.fromarray(np.repeat(column[:, None], size[0], axis=1))


def _draw_thing(canvas: Image.Image, thing: Thing) -> None:
    scale, margin = SUPERSAMPLING, 8 * SUPERSAMPLING
    x1, y1, x2, y2 = (edge * scale for edge in thing.box_xyxy_px)
    corner = (math.floor(x1) - margin, math.floor(y1) - margin)
    size = (math.ceil(x2 - x1) + 2 * margin, math.ceil(y2 - y1) + 2 * margin)
    centre = (thing.centre_x_px * scale - corner[0], thing.centre_y_px * scale - corner[1])
    radius = thing.radius_px * scale
    edge = outline(thing.kind, centre=centre, radius=radius, tilt_deg=thing.tilt_deg)
    inner = hole(thing.kind, centre=centre, radius=radius, tilt_deg=thing.tilt_deg)
    mask = _mask(size, edge, inner)
    paper = _mask(size, edge, inner, border=round(3.4 * scale))
    shadow = paper.filter(ImageFilter.GaussianBlur(2.6 * scale)).point(lambda level: level * 0.36)
    canvas.paste(_SHADE, (corner[0] + round(1.5 * scale), corner[1] + 3 * scale), shadow)
    canvas.paste(_WHITE, corner, paper)
    canvas.paste(_fill(thing, size, edge, inner), corner, mask)


def _mask(size: tuple[int, int], edge: list[Point], inner: list[Point], *, border: int = 0) -> Image.Image:
    """The shape in white on black; half of the border lies outside its edge."""
    mask = Image.new("L", size)
    pencil = ImageDraw.Draw(mask)
    pencil.polygon(edge, fill=255)
    if inner:
        pencil.polygon(inner, fill=0)
    for line in (edge, inner):
        if line and border:
            pencil.line([*line, line[0], line[1]], fill=255, width=border, joint="curve")
    return mask


def _fill(thing: Thing, size: tuple[int, int], edge: list[Point], inner: list[Point]) -> Image.Image:
    """The shape's surface: lit from above, with its pattern and a darker rim."""
    base = _COLOURS[thing.colour]
    light = _blend(base, _WHITE, 0.14)
    surface = _gradient(size, light, base)
    pencil = ImageDraw.Draw(surface)
    _draw_pattern(pencil, thing, bounding_box(edge))
    rim = _blend(base, (16, 18, 30), 0.32)
    for line in (edge, inner):
        if line:
            pencil.line([*line, line[0], line[1]], fill=rim, width=round(3.2 * SUPERSAMPLING), joint="curve")
    return surface


def _draw_pattern(pencil: ImageDraw.ImageDraw, thing: Thing, box: tuple[float, float, float, float]) -> None:
    ink = _blend(_COLOURS[thing.colour], _WHITE, 0.66)
    x1, y1, x2, y2 = box
    pitch = SUPERSAMPLING * ((4.0 if thing.kind in HOLE_RADIUS else 6.0) + 0.1 * thing.radius_px)
    if thing.pattern == "striped":
        start = x1 - (y2 - y1)
        while start < x2:
            pencil.line([(start, y2), (start + y2 - y1, y1)], fill=ink, width=round(0.36 * pitch))
            start += pitch
    if thing.pattern == "dotted":
        dot = 0.24 * pitch
        for row in range(math.ceil((y2 - y1) / pitch) + 1):
            for column in range(math.ceil((x2 - x1) / pitch) + 1):
                x, y = x1 + (column + 0.5 * (row % 2)) * pitch, y1 + row * pitch
                pencil.ellipse([x - dot, y - dot, x + dot, y + dot], fill=ink)


def _draw_backdrop(backdrop: Backdrop) -> Image.Image:
    size = (WIDTH_PX * SUPERSAMPLING, HEIGHT_PX * SUPERSAMPLING)
    tint = _TINTS[backdrop.tint]
    low, high = _blend(tint, _SHADE, 0.05), _blend(tint, _WHITE, 0.55)
    canvas = _gradient(size, high, low)
    pencil = ImageDraw.Draw(canvas)
    ink = _blend(tint, _SHADE, 0.13)
    match backdrop.motif:
        case "grid":
            _draw_grid(pencil, ink)
        case "waves":
            _draw_waves(pencil, ink)
        case "hills":
            _draw_hills(pencil, tint)
        case "bricks":
            _draw_bricks(pencil, ink)
        case "rays":
            _draw_rays(pencil, _blend(tint, _SHADE, 0.08))
        case "plain":
            pass
    return canvas


def _draw_grid(pencil: ImageDraw.ImageDraw, ink: Rgb) -> None:
    width, height, pitch = WIDTH_PX * SUPERSAMPLING, HEIGHT_PX * SUPERSAMPLING, 20 * SUPERSAMPLING
    for x in range(pitch // 2, width, pitch):
        pencil.line([(x, 0), (x, height)], fill=ink, width=SUPERSAMPLING)
    for y in range(pitch // 2, height, pitch):
        pencil.line([(0, y), (width, y)], fill=ink, width=SUPERSAMPLING)


def _draw_waves(pencil: ImageDraw.ImageDraw, ink: Rgb) -> None:
    width, height, pitch = WIDTH_PX * SUPERSAMPLING, HEIGHT_PX * SUPERSAMPLING, 22 * SUPERSAMPLING
    for y in range(pitch // 2, height + pitch, pitch):
        crest = [(x, y + 5 * SUPERSAMPLING * math.sin(math.tau * x / (width / 7))) for x in range(0, width + 8, 8)]
        pencil.line(crest, fill=ink, width=2 * SUPERSAMPLING)


def _draw_hills(pencil: ImageDraw.ImageDraw, tint: Rgb) -> None:
    width, height = WIDTH_PX * SUPERSAMPLING, HEIGHT_PX * SUPERSAMPLING
    for layer, (level, swing, waves) in enumerate(((0.52, 0.07, 1.3), (0.68, 0.06, 1.9), (0.84, 0.05, 1.1))):
        ridge = [
            (x, height * (level + swing * math.sin(math.tau * waves * x / width + 2.1 * layer)))
            for x in range(0, width + 8, 8)
        ]
        pencil.polygon([(0, height), *ridge, (width + 8, height)], fill=_blend(tint, _SHADE, 0.06 + 0.05 * layer))


def _draw_bricks(pencil: ImageDraw.ImageDraw, ink: Rgb) -> None:
    width, height = WIDTH_PX * SUPERSAMPLING, HEIGHT_PX * SUPERSAMPLING
    brick_width, brick_height = 40 * SUPERSAMPLING, 20 * SUPERSAMPLING
    for row, y in enumerate(range(0, height, brick_height)):
        pencil.line([(0, y), (width, y)], fill=ink, width=round(1.4 * SUPERSAMPLING))
        for x in range(brick_width // 2 * (row % 2), width, brick_width):
            pencil.line([(x, y), (x, y + brick_height)], fill=ink, width=round(1.4 * SUPERSAMPLING))


def _draw_rays(pencil: ImageDraw.ImageDraw, ink: Rgb) -> None:
    width, height = WIDTH_PX * SUPERSAMPLING, HEIGHT_PX * SUPERSAMPLING
    centre, reach = (width / 2, height * 1.05), width * 1.2
    for ray in range(0, 36, 2):
        angles = (math.radians(ray * 10), math.radians(ray * 10 + 10))
        tips = [(centre[0] + reach * math.cos(angle), centre[1] + reach * math.sin(angle)) for angle in angles]
        pencil.polygon([centre, *tips], fill=ink)
