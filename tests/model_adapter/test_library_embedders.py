"""Embedders out of transformers: preprocessing, pooling and texts agree with the library on the same random weights."""

import io
import re
import shutil
import struct
import tempfile
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

from model_adapter.decoding import decode_audio, decode_video, probed
from model_adapter.embedders import Embedder, open_embedder
from model_adapter.embedders.library import imagebind
from model_adapter.embedders.weights import read_pins
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
    prepare = transformers.CLIPImageProcessorPil(size={"shortest_edge": 224}, crop_size=224)
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
        size={"shortest_edge": 224},
        crop_size={"height": 224, "width": 224},
        resample=3,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )
    middles = [int((number + 0.5) * 24 / 16) for number in range(16)]
    given = prepare([np.asarray(frame) for frame in shown(FILM, middles)], return_tensors="pt")
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


def streamed(n_frames: int) -> bytes:
    """A film that says where its frames lie before them, as films for the web do."""
    file = Path(tempfile.mkdtemp()) / "film.mp4"
    with av.open(str(file), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for frame in noise(n_frames, 64, 64):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return file.read_bytes()


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


STREAMED, NOISE = streamed(60), as_wav(np.resize(SOUND, 48_000), 48_000)
BAD = {
    "image": [
        b"",
        b"no picture",
        PICTURES[0][:100],
        png(1, 1),
        png(1, 400),
        FILM,
        as_png(np.full((20, 20), 60_000, np.uint16)),
    ],
    "audio": [
        as_wav(np.ones(1), 8000),
        as_wav(np.ones(5), 1),
        as_wav(np.ones(600), 999),
        as_wav(np.ones(99), 2_000_000_000),
        half(NOISE),
        half(as_wav(np.ones(500), 8000)),
        b"",
        wav()[:30],
        wav(0.0),
        as_wav(np.full(100, np.nan, np.float32), 48_000),
        PICTURES[0],
    ],
    "video": [b"", FILM[:200], SOUND.tobytes()[:500], mp4(np.zeros((2, 2, 600, 3), np.uint8)), PICTURES[0]],
}
BAD["video"].append(half(STREAMED))
NETWORKS = [("clip-b32", "image"), ("clap", "audio"), ("videomae", "video")]


@pytest.mark.parametrize(("name", "kind"), [*NETWORKS, *(("world-joint", kind) for kind in BAD)])
def test_bad_media_are_refused(folders: Path, name: str, kind: Any) -> None:
    ours = open_embedder(name, folders / name if (folders / name).exists() else None)
    for number, content in enumerate(BAD[kind]):
        with pytest.raises(MediaError):
            pytest.fail(f"number {number} made features: {ours.embed(kind, content)}")


def test_half_a_film_would_be_seen_without_complaint() -> None:
    with av.open(io.BytesIO(half(STREAMED))) as container:
        assert 16 <= sum(1 for _ in container.decode(video=0)) < 40
    assert decode_video(STREAMED, side_px=8).shape == (30, 8, 8, 3)
    mdat = STREAMED.index(b"mdat") - 4
    size = struct.unpack(">I", STREAMED[mdat : mdat + 4])[0]
    of_64_bits = STREAMED[:mdat] + struct.pack(">I4sQ", 1, b"mdat", size + 8) + STREAMED[mdat + 8 :]
    assert probed(of_64_bits, "video").width == 64


def piped(stated: int) -> bytes:
    """A WAV of 10,000 samples that states other bytes of them, behind a chunk of odd length."""
    known = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16_000, 2, 16)
    odd = struct.pack("<4sI", b"JUNK", 11) + b"about data.\0"
    content = b"WAVE" + known + odd + struct.pack("<4sI", b"data", stated) + np.arange(10_000, dtype="<i2").tobytes()
    return b"RIFF" + struct.pack("<I", min(stated + 60, 2**32 - 1)) + content


@pytest.mark.parametrize("stated", [0xFFFFFFFF, 0xFFFFFFF0, 0x7FFFFFFF, 0x7FFFF000, 19_900])
def test_sounds_written_to_pipes_and_with_more_behind_are_whole(stated: int) -> None:
    sound = decode_audio(piped(stated))
    np.testing.assert_allclose(sound.samples, np.arange(min(10_000, stated // 2)) / 32_768)
    with pytest.raises(MediaError, match="audio: expected 20066 bytes, found the first 20064"):
        decode_audio(piped(20_002))


def test_names_stand_for_sizes_of_networks(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match=r"with .*'patch_size': 14}, found one with .*'patch_size': 32"):
        open_embedder("clip-l14", folders / "clip-b32")
    for name, kind, size in (("clip-b32", "CLIPModel", "image_size"), ("videomae", "VideoMAEModel", "num_frames")):
        shutil.copytree(folders / name, tmp_path / name)
        config = tmp_path / name / "config.json"
        config.write_text(re.sub(rf'"{size}": \d+', f'"{size}": 32', config.read_text()))
        for file in (tmp_path / name).glob("*.safetensors"):
            file.unlink()
        changed = getattr(transformers, kind)(transformers.AutoConfig.from_pretrained(tmp_path / name))
        changed.save_pretrained(tmp_path / name)
        with pytest.raises(AdapterError, match=rf"with .*'{size}': \d+.*found one with .*'{size}': 32"):
            open_embedder(name, tmp_path / name)
    assert not read_pins()


def test_errors_say_the_same_each_time() -> None:
    for kind, content in (("image", b"\x89PNG\r\n\x1a\n"), ("image", PICTURES[0][:30]), ("audio", wav()[:30])):
        with pytest.raises(MediaError) as told:
            probed(content, kind)  # type: ignore[arg-type]
        assert "0x" not in str(told.value)
        assert "the bytes" in str(told.value)


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
