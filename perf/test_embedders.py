"""Media read, decoded and preprocessed for embedders, without the networks: what bounds a score on many media.

The peer reads pictures as torch-fidelity does: Pillow on each file, one after the other, resized by TensorFlow 1's rule
in torch. Pictures are bound by decoding JPEG, clips by decoding and scaling frames.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
import torch
from peers import beside
from pytest_benchmark.fixture import BenchmarkFixture

from model_adapter.embedders import Embedder, embed_all
from model_adapter.embedders.inception import _prepared
from model_adapter.embedders.running import checked
from model_adapter.reference.encoders import inputs
from shards.draft import FileBytes

N_PICTURES, N_CLIPS = 200, 20


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


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("media"), np.random.default_rng(0)
    for number in range(N_PICTURES):
        (folder / f"{number}.jpg").write_bytes(picture(rng))
    for number in range(N_CLIPS):
        (folder / f"{number}.mp4").write_bytes(clip(rng))
    return folder


def embedder() -> Embedder:
    """Inception's and VideoMAE's preprocessing, and the mean pixel for a network."""
    return Embedder(
        name="pixels",
        weights="none",
        preprocessing="none",
        prepare={
            "image": checked(
                "image", lambda part, content: _prepared(part, content, resizing="tf1-bilinear"), has_windows=True
            ),
            "video": checked("video", inputs.film(224, n_frames=16)["video"], has_windows=False),
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


def test_pictures(benchmark: BenchmarkFixture, media: Path) -> None:
    paths = sorted(media.glob("*.jpg"))
    ours: list[float] = []
    peers: list[float] = []

    def run() -> None:
        ours[:] = [
            float(np.squeeze(one.rows))
            for one in embed_all(embedder(), "image", [FileBytes(str(path)) for path in paths])
        ]

    beside(benchmark, run, n=N_PICTURES, peer=lambda: peers.__setitem__(slice(None), list(one_by_one(paths))))
    np.testing.assert_allclose(ours, peers, atol=1e-5)


def test_clips(benchmark: BenchmarkFixture, media: Path) -> None:
    blobs = [FileBytes(str(path)) for path in sorted(media.glob("*.mp4"))]
    found = benchmark.pedantic(lambda: list(embed_all(embedder(), "video", blobs)), rounds=2)
    benchmark.extra_info["clips per second"] = N_CLIPS / benchmark.stats.stats.min
    assert len(found) == N_CLIPS
