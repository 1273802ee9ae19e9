"""Media read from a shard, decoded and preprocessed, without the networks: what bounds a score on many media.

The peer reads pictures as torch-fidelity does: Pillow on each file, one after the other, resized by TensorFlow 1's rule
in torch. `decoding_share` is what the decoder alone takes of the processor's time; the rest is scaling and arithmetic.
`busy_cores` is the processor's time over the clock's, with four threads: near 1 where one lock or one core bounds it.
"""

import io
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
import soundfile
import torch
from peers import beside
from pytest_benchmark.fixture import BenchmarkFixture

from evals.harness.media_sets import embed_media
from model_adapter.decoding import decode_audio
from model_adapter.embedders import Embedder
from model_adapter.embedders.inception import _prepared
from model_adapter.embedders.running import checked
from model_adapter.reference.encoders import inputs
from shards.media import MediaKind

COUNTS = {"jpg": 200, "mp4": 20, "wav": 200}


def picture(rng: np.random.Generator) -> bytes:
    coarse = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(coarse).resize((640, 480)).save(file, "JPEG", quality=90)
    return file.getvalue()


def clip(rng: np.random.Generator) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(48):
            frame = np.asarray(PIL.Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((320, 240)))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def sound(rng: np.random.Generator) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, rng.uniform(-0.5, 0.5, (441_000, 2)), 44_100, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, and in it the same files as one shard."""
    folder, rng = tmp_path_factory.mktemp("media"), np.random.default_rng(0)
    for make, extension in ((picture, "jpg"), (clip, "mp4"), (sound, "wav")):
        for number in range(COUNTS[extension]):
            (folder / f"{number}.{extension}").write_bytes(make(rng))
    with tarfile.open(folder / "shard.tar", "w", format=tarfile.USTAR_FORMAT) as shard:
        for path in sorted(folder.glob("*.*")):
            if path.suffix != ".tar":
                shard.add(path, path.name)
    return folder


def embedder() -> Embedder:
    """Inception's, VideoMAE's and PANNs' preprocessing, and the mean for a network."""
    return Embedder(
        name="pixels",
        weights="none",
        preprocessing="none",
        prepare={
            "image": checked(
                "image", lambda part, content: _prepared(part, content, resizing="tf1-bilinear"), has_windows=True
            ),
            "video": checked("video", inputs.film(224, n_frames=16)["video"], has_windows=False),
            "audio": lambda content: decode_audio(content).resampled(16_000)[None],
        },
        run=lambda kind, windows: windows.reshape(len(windows), -1).mean(axis=1, keepdims=True),
    )


def one_by_one(paths: list[Path]) -> Iterator[float]:
    """torch-fidelity 0.4's ImagesPathDataset and interpolate_bilinear_2d_like_tensorflow1x."""
    for path in paths:
        pixels = torch.from_numpy(np.array(PIL.Image.open(path).convert("RGB"))).permute(2, 0, 1)[None].float()
        low, share = [], []
        for size in pixels.shape[2:]:
            places = torch.arange(299, dtype=torch.float32) * (size / 299)
            low.append(places.long())
            share.append(places - places.long())
        high = [(one + 1).clamp_max(size - 1) for one, size in zip(low, pixels.shape[2:], strict=True)]
        top, bottom = (
            pixels[:, :, rows][..., low[1]] * (1 - share[1]) + pixels[:, :, rows][..., high[1]] * share[1]
            for rows in (low[0], high[0])
        )
        yield float(((top + (bottom - top) * share[0][:, None] - 128) / 128).mean())


def shard_rate(
    benchmark: BenchmarkFixture,
    media: Path,
    kind: MediaKind,
    extension: str,
    decode: Callable[[Path], object],
    **settings: object,
) -> list[float]:
    """The shard's media through the embedder; what the decoder alone takes is noted beside it."""
    n = COUNTS[extension]
    rows = beside(benchmark, lambda: embed_media(media / "shard.tar", embedder(), kind).features.array, n=n, **settings)  # type: ignore[arg-type]
    start_s = time.process_time()
    for path in media.glob(f"*.{extension}"):
        decode(path)
    info = benchmark.extra_info
    info["decoding_share"] = (time.process_time() - start_s) / info["cpu_s"]
    info["items_per_cpu_s"], info["busy_cores"] = n / info["cpu_s"], info["cpu_s"] * info["items_per_s"] / n
    assert len(rows) == n
    return [float(value) for value in rows[:, 0]]


def test_pictures(benchmark: BenchmarkFixture, media: Path) -> None:
    expected: list[float] = []
    found = shard_rate(
        benchmark, media, "image", "jpg", lambda path: PIL.Image.open(path).convert("RGB"),
        peer=lambda: expected.extend(one_by_one(sorted(media.glob("*.jpg")))),
    )  # fmt: skip
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_clips(benchmark: BenchmarkFixture, media: Path) -> None:
    def decode(path: Path) -> None:
        with av.open(str(path), mode="r") as container:
            for _ in container.decode(video=0):
                pass

    shard_rate(benchmark, media, "video", "mp4", decode)


def test_sounds(benchmark: BenchmarkFixture, media: Path) -> None:
    shard_rate(benchmark, media, "audio", "wav", lambda path: soundfile.read(path, dtype="float32"))
