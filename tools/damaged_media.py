"""Media for docs/sensitivity.md: real ones cut into pieces, real and rendered ones with captions, and damage to them.

Levels follow one rule: each is twice as strong as the one before. Shares of frames or time end at a half: past it what
is left is a still film or silence, which are whole media again, and trials came back towards the reference.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import av
import msgspec
import numpy as np
import PIL.Image
import PIL.ImageFilter
import soundfile

from curation.sources.world.captions import oracle_caption
from curation.sources.world.filming import film_frames
from curation.sources.world.rendering import render_jpeg
from curation.sources.world.sampling import sample_scene
from curation.sources.world.scene import split_of
from curation.sources.world.synthesis import render_wav
from shards.media import MediaKind

TILE_PX: Final = 96
PIECE_FRAMES: Final = 24
PIECE_S: Final = 1.0
QUIET: Final = 1e-3
"""Root mean square of a window that counts as silent: -60 dB below the loudest possible sound."""
WHOLE_PX: Final = 224
WORLD_SEED: Final = 11
Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Sound = tuple[np.ndarray[Any, np.dtype[np.float32]], int]


class Medium(NamedTuple):
    """Decoded: pixels of a picture or of frames, or samples with their rate; and what it shows, where that is known."""

    content: Any
    caption: str = ""


class Damage(NamedTuple):
    """What is done to a medium, and how strongly."""

    levels: Sequence[float]
    apply: Callable[[Any, float, np.random.Generator], Any]


def blurred(pixels: Pixels, radius_px: float, rng: np.random.Generator) -> Pixels:
    return np.asarray(PIL.Image.fromarray(pixels).filter(PIL.ImageFilter.GaussianBlur(radius_px)))


def noisy(pixels: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(deviation)
    return np.asarray((pixels + noise).clip(0, 255), dtype=np.uint8)


def as_jpeg(pixels: Pixels, loss: float, rng: np.random.Generator) -> Pixels:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "JPEG", quality=round(80 / loss))
    return np.asarray(PIL.Image.open(file))


def dropped(frames: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Frames at random places are lost; the last one before stays on show."""
    is_kept = np.ones(len(frames), dtype=np.bool_)
    is_kept[1 + rng.permutation(len(frames) - 1)[: round(share * len(frames))]] = False
    return frames[np.maximum.accumulate(np.where(is_kept, np.arange(len(frames)), 0))]


def shuffled(frames: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    return np.asarray(frames[moved(len(frames), share, rng)])


def moved(n: int, share: float, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.intp]]:
    """An order in which so many places (two at least) hold another one's item."""
    order = np.arange(n)
    chosen = rng.permutation(n)[: max(2, round(share * n))] if share else order[:0]
    order[chosen] = np.roll(chosen, 1)
    return order


def silenced(sound: Sound, share: float, rng: np.random.Generator) -> Sound:
    return np.where(np.arange(len(sound[0])) < share * len(sound[0]), np.float32(0), sound[0]), sound[1]


def clipped(sound: Sound, excess: float, rng: np.random.Generator) -> Sound:
    loudest = np.abs(sound[0]).max()
    return (sound[0] * (1 + excess)).clip(-loudest, loudest), sound[1]


def hissing(sound: Sound, share: float, rng: np.random.Generator) -> Sound:
    noise = rng.normal(0, share * sound[0].std() + 1e-9, len(sound[0]))
    return (sound[0] + noise).astype(np.float32), sound[1]


SHARES: Final = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
_NOISE: Final = Damage((8, 16, 32, 64), noisy)
DAMAGES: Final[Mapping[MediaKind, Mapping[str, Damage]]] = {
    "image": {
        "blur, px": Damage((1, 2, 4, 8), blurred),
        "noise, of 255": _NOISE,
        "JPEG, 80 / quality": Damage((2, 4, 8, 16), as_jpeg),
    },
    "video": {
        "noise, of 255": _NOISE,
        "frames dropped": Damage(SHARES, dropped),
        "frames shuffled": Damage(SHARES, shuffled),
    },
    "audio": {
        "silence": Damage(SHARES, silenced),
        "clipping, gain - 1": Damage((0.5, 1, 2, 4), clipped),
        "hiss, of the sound": Damage((0.25, 0.5, 1, 2), hissing),
    },
}


def pieces(folder: Path, kind: MediaKind, most: int) -> list[Medium]:
    """Parts of the folder's media, spread evenly where there are more than `most`."""
    cut = {"image": _tiles, "video": _films, "audio": _sounds}[kind]
    found = [Medium(one) for one in cut(folder)]
    return found if len(found) <= most else [found[number * len(found) // most] for number in range(most)]


def _tiles(folder: Path) -> Iterator[Pixels]:
    for path in sorted(folder.rglob("*.jpg")):
        image = PIL.Image.open(path).convert("RGB")
        image.thumbnail((8 * TILE_PX, 8 * TILE_PX))
        yield from (cut[0] for cut in _grid(np.asarray(image)[None]))


def _films(folder: Path) -> Iterator[Pixels]:
    for path in sorted(folder.rglob("*.mp4")):
        frames = _decoded(path, 192, 144)
        for start in range(0, len(frames) - PIECE_FRAMES + 1, PIECE_FRAMES):
            yield from _grid(frames[start : start + PIECE_FRAMES])


def _decoded(path: Path, width: int, height: int) -> Pixels:
    with av.open(str(path), mode="r") as container:
        frames = (one.to_ndarray(width=width, height=height, format="rgb24") for one in container.decode(video=0))
        return np.stack(list(frames)).astype(np.uint8)


def _grid(frames: Pixels) -> Iterator[Pixels]:
    """Squares that overlap by half."""
    for top in range(0, frames.shape[1] - TILE_PX + 1, TILE_PX // 2):
        for left in range(0, frames.shape[2] - TILE_PX + 1, TILE_PX // 2):
            yield frames[:, top : top + TILE_PX, left : left + TILE_PX]


def _sounds(folder: Path) -> Iterator[Sound]:
    """Seconds that overlap by seven eighths, but none that is silent in part: silence would be no damage there."""
    for path in sorted(folder.rglob("*.wav")):
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        size, step = round(PIECE_S * rate_hz), round(PIECE_S * rate_hz / 32)
        for start in range(0, len(samples) - size + 1, size // 8):
            piece = samples[start : start + size].mean(axis=1)
            windows = piece[: size // step * step].reshape(-1, step)
            if np.sqrt((windows**2).mean(axis=1)).min() > QUIET:
                yield piece, rate_hz


def captioned(folder: Path, kind: MediaKind) -> list[Medium]:
    """Whole media with the captions that stand in NExT-GPT's lists beside them, those that are there."""
    found = []
    for listing in sorted(folder.rglob("*.json")):
        for row in msgspec.json.decode(listing.read_bytes()):
            paths = [path for path in listing.parent.glob("*/*") if path.name == row.get(f"{kind}_name")]
            found += [Medium(_whole(path, kind), row["caption"]) for path in paths]
    return found


def _whole(path: Path, kind: MediaKind) -> Any:
    if kind == "image":
        image = PIL.Image.open(path).convert("RGB")
        image.thumbnail((2 * WHOLE_PX, 2 * WHOLE_PX))
        return np.asarray(image)
    if kind == "video":
        frames = _decoded(path, WHOLE_PX, WHOLE_PX)
        return frames[np.linspace(0, len(frames) - 1, PIECE_FRAMES).astype(np.intp)]
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return samples.mean(axis=1), rate_hz


def rendered(kind: MediaKind, count: int) -> list[Medium]:
    """Media of world scenes that the shipped network has not seen, with true captions."""
    numbers = [number for number in range(5 * count) if split_of(number) == "test"][:count]
    scenes = [sample_scene(WORLD_SEED, number) for number in numbers]
    if kind == "image":
        contents: Iterable[Any] = (np.asarray(PIL.Image.open(io.BytesIO(render_jpeg(one)))) for one in scenes)
    elif kind == "video":
        contents = (np.stack(film_frames(one)) for one in scenes)
    else:
        contents = (soundfile.read(io.BytesIO(render_wav(one)), dtype="float32") for one in scenes)
    return [Medium(one, oracle_caption(scene, kind)) for one, scene in zip(contents, scenes, strict=True)]


def encoded(kind: MediaKind, content: Any) -> bytes:
    """A file without loss."""
    file = io.BytesIO()
    if kind == "image":
        PIL.Image.fromarray(content).save(file, "PNG", compress_level=1)
    elif kind == "audio":
        soundfile.write(file, content[0], content[1], format="WAV", subtype="FLOAT")
    else:
        with av.open(file, "w", format="matroska") as container:
            stream = container.add_stream("ffv1", rate=12)
            stream.height, stream.width, stream.pix_fmt = content.shape[1], content.shape[2], "yuv444p"
            for frame in content:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
            container.mux(stream.encode(None))
    return file.getvalue()
