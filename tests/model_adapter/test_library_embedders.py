"""Embedders out of transformers: preprocessing, pooling and texts agree with the library on the same random weights."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
import soundfile
import torch
import transformers

from model_adapter.embedders import Embedder, open_embedder
from model_adapter.embedders.library import imagebind
from model_adapter.errors import AdapterError
from model_adapter.reference.encoders.imagebind import HUGE, ImageBind, TowerConfig
from shards.errors import MediaError
from tests.factories import mp4, png, wav

RNG = np.random.default_rng(0)
TEXT = "a red dog, and a cat"


def noise(*shape: int) -> np.ndarray:
    coarse = RNG.integers(0, 256, (*shape[:-2], shape[-2] // 8, shape[-1] // 8, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=-3).repeat(8, axis=-2)


def as_png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def as_wav(samples: np.ndarray, rate_hz: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype="FLOAT")
    return file.getvalue()


def shown(film: bytes, numbers: Sequence[int]) -> list[PIL.Image.Image]:
    with av.open(io.BytesIO(film)) as container:
        frames = [frame.to_image() for frame in container.decode(video=0)]
    return [frames[number] for number in numbers]


PICTURES = [as_png(noise(96, 152)), as_png(noise(176, 120)), as_png(noise(56, 56))]  # crops with even margins
FILM = mp4(noise(24, 64, 96))
SOUND = (RNG.standard_normal(3 * 48_000) / 8).astype(np.float32)


def opened(folders: Path, name: str, kind: str) -> tuple[Embedder, Any]:
    model = getattr(transformers, kind).from_pretrained(folders / name).eval()
    return open_embedder(name, folders / name), model


@torch.inference_mode()
def test_clip(folders: Path) -> None:
    ours, model = opened(folders, "clip-b32", "CLIPModel")
    prepare = transformers.CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size=56)
    for content in PICTURES:
        given = prepare(PIL.Image.open(io.BytesIO(content)), return_tensors="pt")
        expected = model.get_image_features(**given).pooler_output
        np.testing.assert_allclose(ours.embed("image", content), expected, atol=1e-5)
    given = prepare(shown(FILM, range(1, 24, 3)), return_tensors="pt")
    np.testing.assert_allclose(
        ours.embed("video", FILM), model.get_image_features(**given).pooler_output, atol=1e-5
    )  # [8, 16]: the middles of eight parts, frame by frame
    tokens = transformers.CLIPTokenizer.from_pretrained(folders / "clip-b32")(TEXT, return_tensors="pt")
    expected = model.get_text_features(**tokens).pooler_output
    np.testing.assert_allclose(ours.embed("text", TEXT.encode()), expected, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("duration_s", [3, 12])
def test_clap(folders: Path, duration_s: int) -> None:
    ours, model = opened(folders, "clap", "ClapModel")
    published = {"frequency_min": 50, "frequency_max": 14_000, "truncation": "rand_trunc", "padding": "repeatpad"}
    samples = np.tile(SOUND, duration_s // 3)
    prepare = transformers.ClapFeatureExtractor(**published)
    given = prepare(samples[:480_000], sampling_rate=48_000, return_tensors="pt")["input_features"]
    expected = model.get_audio_features(input_features=given.float()).pooler_output
    np.testing.assert_allclose(ours.embed("audio", as_wav(samples, 48_000)), expected, atol=1e-5)
    tokens = transformers.RobertaTokenizer.from_pretrained(folders / "clap")(TEXT, return_tensors="pt")
    expected = model.get_text_features(**tokens).pooler_output
    np.testing.assert_allclose(ours.embed("text", TEXT.encode()), expected, atol=1e-5)


@torch.inference_mode()
def test_dinov2_sees_the_whole_picture_squashed(folders: Path) -> None:
    ours, model = opened(folders, "dinov2", "Dinov2Model")
    prepare = transformers.BitImageProcessorPil(
        size={"height": 224, "width": 224}, do_center_crop=False, resample=3, image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225], do_convert_rgb=True,
    )  # fmt: skip
    for content in PICTURES:
        given = prepare(PIL.Image.open(io.BytesIO(content)), return_tensors="pt")
        expected = model(**given).last_hidden_state[:, 0]
        np.testing.assert_allclose(ours.embed("image", content), expected, atol=1e-4)


@torch.inference_mode()
def test_videomae(folders: Path) -> None:
    ours, model = opened(folders, "videomae", "VideoMAEModel")
    prepare = transformers.VideoMAEImageProcessorPil(
        size={"shortest_edge": 56},
        crop_size={"height": 56, "width": 56},
        resample=3,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )
    given = prepare([np.asarray(frame) for frame in shown(FILM, (3, 9, 15, 21))], return_tensors="pt")
    expected = model(**given).last_hidden_state.mean(dim=1)
    np.testing.assert_allclose(ours.embed("video", FILM), expected, atol=1e-4)


@torch.inference_mode()
def test_imagebind_averages_clips(tmp_path: Path) -> None:
    towers = {
        name: TowerConfig(
            width=16, n_blocks=1, n_heads=2, n_patches=HUGE[name].n_patches, scale=HUGE[name].scale,
            has_bias_key=HUGE[name].has_bias_key,
        )
        for name in ("vision", "audio")
    }  # fmt: skip
    network = ImageBind(towers, d_out=8, vocab_size=10).eval()
    torch.save(network.state_dict(), tmp_path / "tiny.pth")
    loaded = imagebind(tmp_path / "tiny.pth", towers=towers, d_out=8, vocab_size=10)
    for kind, modality, content, n_windows in (
        ("image", "vision", PICTURES[0], 1), ("video", "vision", FILM, 15), ("audio", "audio", wav(3.0, 16_000, 9), 3)
    ):  # fmt: skip
        windows = loaded.prepare[kind](content)
        assert len(windows) == n_windows
        expected = network.embed_clips(torch.from_numpy(windows)[None], modality)
        ours = Embedder(name="", weights="", preprocessing="", prepare=loaded.prepare, run=loaded.run)
        np.testing.assert_allclose(ours.embed(kind, content), expected, atol=1e-5)


BAD = {
    "image": [b"", b"no picture", PICTURES[0][:100], png(1, 1), png(1, 400), FILM],
    "audio": [
        as_wav(np.ones(1), 8000),
        as_wav(np.ones(5), 1),
        as_wav(np.ones(99), 2_000_000_000),
        b"",
        wav()[:30],
        wav(0.0),
        as_wav(np.full(100, np.nan, np.float32), 48_000),
        PICTURES[0],
    ],
    "video": [b"", FILM[:200], SOUND.tobytes()[:500], mp4(np.zeros((2, 2, 600, 3), np.uint8)), PICTURES[0]],
}


@pytest.mark.parametrize(("name", "kind"), [("clip-b32", "image"), ("clap", "audio"), ("videomae", "video")])
def test_bad_media_are_refused(folders: Path, name: str, kind: Any) -> None:
    ours = open_embedder(name, folders / name)
    for number, content in enumerate(BAD[kind]):
        with pytest.raises(MediaError):
            pytest.fail(f"number {number} made features: {ours.embed(kind, content)}")


def test_rates_and_channels_do_not_matter(folders: Path) -> None:
    ours = open_embedder("clap", folders / "clap")
    tone = np.sin(np.arange(48_000) * 0.05).astype(np.float32) / 4
    plain = ours.embed("audio", as_wav(tone, 48_000))
    for other in (as_wav(np.stack([tone * 1.5, tone * 0.5], axis=1), 48_000), as_wav(tone[::3].copy(), 16_000)):
        assert np.abs(ours.embed("audio", other) - plain).max() < 0.05 * np.abs(plain).max()


def test_other_weights_are_refused(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AdapterError, match="expected a file of weights"):
        open_embedder("clip-b32", tmp_path / "empty")
    with pytest.raises(AdapterError, match="a folder for CLIPModel"):
        open_embedder("clip-b32", folders / "dinov2")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "imagebind_huge.pth")
    with pytest.raises(AdapterError, match=r"expected the \d+ tensors of ImageBind"):
        imagebind(tmp_path / "imagebind_huge.pth", towers={})
