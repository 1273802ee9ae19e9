"""The written features: damage of the world's media is farther from the originals the worse it is."""

import io
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
import soundfile

from evals.metrics.feature_sets import feature_set
from evals.metrics.frechet import frechet_distance
from evals.metrics.gaussians import FeatureStatistics, Gaussian
from shards.errors import MediaError
from shards.media import MediaKind
from tests.factories import png
from tools.written_features import FEATURES as EMBED

Pixels = np.ndarray
Sound = np.ndarray
RATE_HZ = 16_000


def gaussian(kind: MediaKind, media: Iterator[bytes]) -> Gaussian:
    return FeatureStatistics.of(feature_set(np.stack([EMBED[kind](content) for content in media]))).whole


def in_order(originals: Gaussian, others: Gaussian, damaged: list[Gaussian]) -> None:
    """Other originals are nearest, then the damaged ones in their order; checked in units of the originals' spread."""
    distances = [frechet_distance(one, originals) for one in (others, *damaged)]
    assert all(low * 1.2 < high for low, high in pairwise(distances)), distances


def as_png(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def shuffled_tiles(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Sixteen tiles in another order: the colours stay, the shapes go."""
    height, width = (side // 4 for side in pixels.shape[:2])
    tiles = [pixels[y * height : (y + 1) * height, x * width : (x + 1) * width] for y in range(4) for x in range(4)]
    order = rng.permutation(16)
    return np.vstack([np.hstack([tiles[one] for one in order[start : start + 4]]) for start in range(0, 16, 4)])


def test_pictures_of_the_world(small_world: Path) -> None:
    paths = sorted((small_world / "images").rglob("*.jpg"))
    rng = np.random.default_rng(0)
    half = len(paths) // 2
    pictures = [np.asarray(PIL.Image.open(path)) for path in paths[half:]]
    in_order(
        gaussian("image", (path.read_bytes() for path in paths[:half])),
        gaussian("image", (path.read_bytes() for path in paths[half:])),
        [
            gaussian("image", (as_png(shuffled_tiles(one, rng)) for one in pictures)),
            gaussian("image", (as_png(rng.integers(0, 256, one.shape)) for one in pictures)),
        ],
    )


def as_wav(samples: Sound) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV")
    return file.getvalue()


def chirp(rng: np.random.Generator) -> Sound:
    """A few decaying tones at random times."""
    seconds = np.arange(RATE_HZ) / RATE_HZ
    sound = np.zeros(RATE_HZ)
    for _ in range(4):
        start, hertz = rng.integers(0, RATE_HZ // 2), rng.uniform(200, 2000)
        sound[start:] += (
            0.2 * np.sin(2 * np.pi * hertz * seconds[: RATE_HZ - start]) * np.exp(-6 * seconds[: RATE_HZ - start])
        )
    return sound


def test_sounds() -> None:
    rng = np.random.default_rng(1)
    sounds = [chirp(rng) for _ in range(60)]
    noise: list[Callable[[Sound], Sound]] = [
        lambda one: one + 0.002 * rng.standard_normal(RATE_HZ),
        lambda one: 0.3 * rng.standard_normal(RATE_HZ),
    ]
    in_order(
        gaussian("audio", (as_wav(chirp(rng)) for _ in range(60))),
        gaussian("audio", map(as_wav, sounds)),
        [gaussian("audio", (as_wav(np.clip(change(one), -1, 1)) for one in sounds)) for change in noise],
    )


def as_mp4(frames: Pixels) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def clip(rng: np.random.Generator) -> Pixels:
    """A bright square that moves over a dark ground."""
    frames = np.full((12, 64, 64, 3), 40, dtype=np.uint8)
    (x, y), colour = rng.integers(0, 30, 2), rng.integers(80, 256, 3)
    for number, frame in enumerate(frames):
        frame[y : y + 16, x + 2 * number : x + 2 * number + 16] = colour
    return frames


def test_clips() -> None:
    rng = np.random.default_rng(2)
    clips = [clip(rng) for _ in range(20)]
    in_order(
        gaussian("video", (as_mp4(clip(rng)) for _ in range(20))),
        gaussian("video", map(as_mp4, clips)),
        [
            gaussian("video", (as_mp4(one[rng.permutation(12)]) for one in clips)),
            gaussian("video", (as_mp4(rng.integers(0, 256, one.shape).astype(np.uint8)) for one in clips)),
        ],
    )


@pytest.mark.parametrize(("kind", "width"), [("image", 26), ("audio", 33), ("video", 29)])
def test_the_smallest_media_have_finite_features(kind: MediaKind, width: int) -> None:
    small = {
        "image": png(2, 1),
        "audio": as_wav(np.zeros(1)),
        "video": as_mp4(np.zeros((1, 16, 16, 3), np.uint8)),
    }
    features = EMBED[kind](small[kind])
    assert features.shape == (width,)
    assert np.isfinite(features).all()


def test_long_clips_are_sampled_evenly() -> None:
    from model_adapter.decoding import decode_video

    frames = np.repeat(np.arange(70, dtype=np.uint8)[:, None, None, None] * 3, 16, axis=1)
    found = decode_video(as_mp4(np.broadcast_to(frames[:, :, :1], (70, 16, 16, 3)).copy()), side_px=8)
    assert found.shape == (18, 8, 8, 3)
    assert np.abs(found.mean(axis=(1, 2, 3)) - np.arange(0, 70, 4) * 3).max() < 6


@pytest.mark.parametrize("kind", ["image", "audio", "video"])
def test_broken_media_are_refused(kind: MediaKind) -> None:
    rng = np.random.default_rng(3)
    whole = {
        "image": as_png(rng.integers(0, 256, (64, 64, 3))),
        "audio": as_wav(chirp(rng)),
        "video": as_mp4(clip(rng)),
    }
    others = [content for name, content in whole.items() if name != kind]
    for broken in (b"", b"nothing", whole[kind][:30], *others):
        with pytest.raises(MediaError):
            EMBED[kind](broken)
    if kind == "audio":
        file = io.BytesIO()
        soundfile.write(file, np.full(100, np.nan, dtype=np.float32), RATE_HZ, format="WAV", subtype="FLOAT")
        with pytest.raises(MediaError, match="nan or infinity"):
            EMBED["audio"](file.getvalue())
