"""A scene's film: stickers that move, change and vanish over the scene's backdrop, as H.264 in MP4."""

import io
import math
from dataclasses import dataclass

import av
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from PIL import Image

from curation.sources.world.rendering import NOISE_SIGMA, SUPERSAMPLING, draw_backdrop, draw_thing
from curation.sources.world.scene import FILM_FPS, HEIGHT_PX, STEPS, WIDTH_PX, Film, Scene, Thing

SHRINKING = 2  # pixels of the picture in one of the film, each way
_SIZE = (WIDTH_PX // SHRINKING, HEIGHT_PX // SHRINKING)
_SCALE = SUPERSAMPLING * SHRINKING
_NOISES = 4  # different noises that follow each other in a round
_BLINKS = 3
_CODEC = {"preset": "ultrafast", "tune": "zerolatency", "crf": "27"}  # zerolatency: the same bytes in every run


@dataclass
class Pose:
    """How a thing looks at one time: its centre in pixels of the picture, its size and turn beside the picture's."""

    x: float
    y: float
    size: float = 1.0
    turn_deg: float = 0.0
    opacity: float = 1.0


def pose_at(film: Film, thing: Thing, number: int, time_s: float) -> Pose:
    """The thing's pose after what it did until then."""
    pose = Pose(thing.centre_x_px, thing.centre_y_px)
    for event in film.events:
        share = min(1.0, max(0.0, (time_s - event.start_s) / (event.end_s - event.start_s)))
        if event.thing != number or share == 0.0:
            continue
        across, down = STEPS.get(event.motion, (0, 0))
        pose.x, pose.y = pose.x + across * event.amount * share, pose.y + down * event.amount * share
        match event.motion:
            case "circles":
                pose.x += abs(event.amount) * math.sin(math.tau * share)
                pose.y += event.amount * (math.cos(math.tau * share) - 1)
            case "grows" | "shrinks":
                pose.size *= 1 + (event.amount - 1) * share
            case "spins":
                pose.turn_deg = 360 * share
            case "blinks":
                pose.opacity = float(share == 1.0 or int(2 * _BLINKS * share) % 2)
            case "disappears":
                pose.opacity = 1 - share
    return pose


def render_mp4(scene: Scene) -> bytes:
    """The scene's film, 160 x 120, silent; the same bytes for the same scene and versions of Pillow and PyAV."""
    encoded = io.BytesIO()
    with av.open(encoded, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FILM_FPS, options=_CODEC)
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.thread_count = (*_SIZE, "yuv420p", 1)
        for frame in film_frames(scene):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return encoded.getvalue()


def film_frames(scene: Scene) -> list[NDArray[np.uint8]]:
    """The frames before they are compressed, each [height, width, 3]."""
    actors = list(dict.fromkeys(event.thing for event in scene.film.events))
    stage = draw_backdrop(scene.backdrop).copy()
    for number, thing in enumerate(scene.things):
        if number not in actors:
            draw_thing(stage, thing)
    stage = stage.reduce(_SCALE)
    stickers = {number: _sticker(scene.things[number]) for number in actors}
    sigma = NOISE_SIGMA[scene.backdrop.noise] / SHRINKING
    noise = scene.noise_stream("film noise").normal(0.0, sigma, (_NOISES, _SIZE[1], _SIZE[0], 1))
    noises = np.round(noise).astype(np.int16)
    frames = []
    for index in range(round(scene.film.duration_s * FILM_FPS)):
        frame = stage.copy()
        time_s = index / FILM_FPS
        begun = {event.thing: place for place, event in enumerate(scene.film.events) if event.start_s <= time_s}
        for number in sorted(actors, key=lambda number: begun.get(number, -1)):
            _paste(frame, stickers[number], pose_at(scene.film, scene.things[number], number, time_s))
        frames.append(np.clip(np.asarray(frame) + noises[index % _NOISES], 0, 255).astype(np.uint8))  # [h, w, 3]
    return frames


def _sticker(thing: Thing) -> Image.Image:
    """The thing in the middle of a square of its own, transparent around it."""
    half = 2 * math.ceil(0.55 * thing.radius_px + 6)
    across, down, (x1, y1, x2, y2) = half - thing.centre_x_px, half - thing.centre_y_px, thing.box_xyxy_px
    box = (x1 + across, y1 + down, x2 + across, y2 + down)
    canvas = Image.new("RGBA", (2 * half * SUPERSAMPLING,) * 2)
    draw_thing(canvas, replace(thing, centre_x_px=half, centre_y_px=half, box_xyxy_px=box))
    # Pasting onto nothing leaves colours that are already multiplied by their opacity.
    return Image.frombytes("RGBa", canvas.size, canvas.tobytes()).convert("RGBA").reduce(_SCALE)


def _paste(frame: Image.Image, sticker: Image.Image, pose: Pose) -> None:
    if pose.turn_deg:
        sticker = sticker.rotate(-pose.turn_deg, resample=Image.Resampling.BILINEAR)
    if pose.size != 1.0:
        sticker = sticker.resize((max(1, round(sticker.width * pose.size)),) * 2, resample=Image.Resampling.BILINEAR)
    mask = sticker.getchannel("A")
    if pose.opacity != 1.0:
        mask = mask.point([round(level * pose.opacity) for level in range(256)])
    corner = (round(pose.x / SHRINKING - sticker.width / 2), round(pose.y / SHRINKING - sticker.height / 2))
    frame.paste(sticker.convert("RGB"), corner, mask)
