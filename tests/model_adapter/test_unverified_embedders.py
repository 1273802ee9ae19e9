"""VGGish, CNN14 and I3D: names and shapes of the published weights, and their arithmetic against plain formulas."""

import io
import math
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from evals.harness.media_sets import embed_media
from model_adapter.embedders import EMBEDDERS, Embedder, open_embedder
from model_adapter.embedders.i3d import I3d, same
from model_adapter.embedders.i3d import _prepared as i3d_input
from model_adapter.embedders.listening import Cnn14, Vggish, cnn14, vggish_windows
from model_adapter.embedders.running import checked
from model_adapter.errors import ShortMediumError
from tests.factories import mp4

RNG = np.random.default_rng(0)
PUBLISHED: dict[str, tuple[Callable[[], nn.Module], int, dict[str, list[int]]]] = {
    # harritaylor/torchvggish@1bedc9d, vggish.py; parameters counted layer by layer
    "vggish": (
        Vggish,
        640 + 73_856 + 295_168 + 590_080 + 1_180_160 + 2_359_808 + 12_289 * 4096 + 4097 * 4096 + 4097 * 128,
        {
            "features.0.weight": [64, 1, 3, 3],
            "features.6.bias": [256],
            "features.13.weight": [512, 512, 3, 3],
            "embeddings.0.weight": [4096, 12_288],
            "embeddings.4.weight": [128, 4096],
        },
    ),
    # haoheliu/audioldm_eval@70fc9cd, panns/models.py; Kong et al. 2020 count 80,753,615 without the spectrogram
    "panns": (
        Cnn14,
        80_753_615 + 2 * 257 * 512 + 257 * 64,
        {
            "spectrogram_extractor.stft.conv_real.weight": [257, 1, 512],
            "spectrogram_extractor.stft.conv_imag.weight": [257, 1, 512],
            "logmel_extractor.melW": [257, 64],
            "bn0.running_mean": [64],
            "conv_block1.conv1.weight": [64, 1, 3, 3],
            "conv_block6.bn2.weight": [2048],
            "fc1.weight": [2048, 2048],
            "fc_audioset.bias": [527],
        },
    ),
    # piergiaj/pytorch-i3d@b49fadf, pytorch_i3d.py: the parameters of InceptionI3d(400)
    "i3d": (
        I3d,
        12_697_264,
        {
            "Conv3d_1a_7x7.conv3d.weight": [64, 3, 7, 7, 7],
            "Conv3d_2c_3x3.bn.running_var": [192],
            "Mixed_3b.b1b.conv3d.weight": [128, 96, 3, 3, 3],
            "Mixed_4f.b3b.conv3d.weight": [128, 528, 1, 1, 1],
            "Mixed_5c.b2a.bn.weight": [48],
            "logits.conv3d.weight": [400, 1024, 1, 1, 1],
            "logits.conv3d.bias": [400],
        },
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_and_shapes_are_the_published_ones(name: str) -> None:
    build, n_parameters, shapes = PUBLISHED[name]
    with torch.device("meta"):
        network = build()
    state = network.state_dict()
    assert {key: list(state[key].shape) for key in shapes} == shapes
    assert sum(one.numel() for one in network.parameters()) == n_parameters
    assert EMBEDDERS[name].checked == "unverified"


def test_vggish_hears_windows_of_log_mel_bands() -> None:
    samples = RNG.standard_normal(40_000)
    windows = vggish_windows(samples)
    assert windows.shape == (2, 1, 96, 64)

    def mel(hz: float) -> float:
        return 1127 * math.log(1 + hz / 700)

    edges = [mel(125) + number * (mel(7500) - mel(125)) / 65 for number in range(66)]
    for window, frame, band in ((0, 0, 0), (0, 95, 63), (1, 17, 30)):
        start = (96 * window + frame) * 160
        cut = [samples[start + n] * (0.5 - 0.5 * math.cos(2 * math.pi * n / 400)) for n in range(400)]
        spectrum = np.abs(np.fft.fft(cut, 512)[:257])
        low, centre, high = edges[band : band + 3]
        at = [mel(bin_ * 16_000 / 512) for bin_ in range(257)]
        triangle = [max(0.0, min((x - low) / (centre - low), (high - x) / (high - centre))) for x in at]
        expected = math.log(sum(a * b for a, b in zip(spectrum, triangle, strict=True)) + 0.01)
        assert windows[window, 0, frame, band] == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ShortMediumError, match=r"at least 0.975 s for VGGish, found 0.974 s"):
        vggish_windows(samples[:15_590])


@torch.inference_mode()
def test_vggish_flattens_channels_last() -> None:
    network = Vggish().eval()
    windows = torch.from_numpy(RNG.standard_normal((1, 1, 96, 64)).astype(np.float32))
    maps = network.features(windows)
    assert maps.shape == (1, 512, 6, 4)
    flat = torch.stack([maps[0, :, row, column] for row in range(6) for column in range(4)]).flatten()
    np.testing.assert_allclose(network(windows)[0], network.embeddings(flat), atol=1e-6)


@torch.inference_mode()
def test_cnn14_takes_the_power_spectrum_of_its_checkpoint() -> None:
    network = Cnn14().eval()
    turns = torch.arange(257)[:, None] * torch.arange(512) * 2 * torch.pi / 512
    window = torch.hann_window(512)
    stft = network.spectrogram_extractor.stft
    stft["conv_real"].weight.copy_((turns.cos() * window)[:, None])
    stft["conv_imag"].weight.copy_((-turns.sin() * window)[:, None])
    filters = torch.rand(257, 64)
    network.logmel_extractor.melW.copy_(filters)
    samples = torch.from_numpy(RNG.standard_normal((2, 32_000)).astype(np.float32))
    power = (
        torch.stft(samples, 512, 160, window=window, center=True, pad_mode="reflect", return_complex=True).abs() ** 2
    )
    expected = 10 * torch.log10(power.transpose(1, 2) @ filters)
    found = network.logmel_extractor(network.spectrogram_extractor(samples))
    np.testing.assert_allclose(found, expected, atol=2e-3)
    features = network(samples)
    assert features.shape == (2, 2048)
    assert (features >= 0).all()


def test_cnn14_tags_short_and_long_sounds(tmp_path: Path) -> None:
    network = Cnn14()
    torch.save({"iteration": 1, "model": network.state_dict()}, tmp_path / "cnn14.pth")
    loaded = cnn14(tmp_path / "cnn14.pth", output="logits")
    for duration_s, n_samples in ((0.1, 32_000), (3.0, 48_000)):
        file = io.BytesIO()
        soundfile.write(file, RNG.standard_normal((int(8000 * duration_s), 2)) / 9, 8000, format="WAV")
        windows = loaded.prepare["audio"](file.getvalue())
        assert windows.shape == (1, n_samples)
    assert loaded.run("audio", windows[:, :32_000]).shape == (1, 527)


@pytest.mark.parametrize("size", [1, 2, 7, 10, 16, 55])
@pytest.mark.parametrize(("kernel", "stride"), [(7, 2), (3, 1), (3, 2), (2, 2), (1, 1)])
def test_i3d_pads_as_tensorflow_does(size: int, kernel: int, stride: int) -> None:
    n_out = math.ceil(size / stride)
    total = max((n_out - 1) * stride + kernel - size, 0)  # tensorflow.org, tf.nn: padding "SAME"
    film = torch.arange(1.0, size + 1).expand(1, 1, 1, 1, size)
    padded = same(film, (1, 1, kernel), (1, 1, stride)).flatten().tolist()
    assert padded == [0.0] * (total // 2) + film.flatten().tolist() + [0.0] * (total - total // 2)


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_i3d_takes_the_sixteen_frames_in_the_middle(extension: str) -> None:
    shades = np.arange(21, dtype=np.uint8) * 10
    film = mp4(np.broadcast_to(shades[:, None, None, None], (21, 32, 48, 3)).copy())
    windows = checked("video", i3d_input, has_windows=False)(film if extension == "mp4" else as_mkv(film))
    shown = (windows[0].mean(axis=(0, 2, 3)) + 1) * 127.5
    np.testing.assert_allclose(shown, shades[2:18], atol=5)  # half a step; (21 - 16) // 2 frames lie before


def as_mkv(film: bytes) -> bytes:
    """The same packets in a container that does not say how many frames it holds."""
    file = io.BytesIO()
    with av.open(io.BytesIO(film), mode="r") as source, av.open(file, "w", format="matroska") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    with av.open(io.BytesIO(file.getvalue()), mode="r") as written:
        assert written.streams.video[0].frames == 0
    return file.getvalue()


def test_media_that_are_too_short_are_counted_as_such(tmp_path: Path) -> None:
    for n_frames in (1, 15, 16):
        (tmp_path / f"{n_frames}.mp4").write_bytes(mp4(np.zeros((n_frames, 16, 16, 3), np.uint8)))
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "16.mp4").read_bytes()[:100])
    shapes = Embedder(
        name="shapes", weights="", preprocessing="",
        prepare={"video": checked("video", i3d_input, has_windows=False)},
        run=lambda kind, windows: np.array([[*windows.shape[1:]]] * len(windows), dtype=np.float32),
    )  # fmt: skip
    features = embed_media(tmp_path, shapes, "video").features
    assert features.unscored == {"too_short": 2, "unreadable_media": 1}
    assert features.array.tolist() == [[3, 16, 224, 224]]
    with pytest.raises(ShortMediumError, match="at least 16 frames for FVD, found 15"):
        shapes.embed("video", (tmp_path / "15.mp4").read_bytes())


def test_i3d_sees_sixteen_frames(tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(I3d().state_dict(), tmp_path / "i3d.pt")
    embedder = open_embedder("i3d", tmp_path / "i3d.pt")
    assert embedder.weights.endswith("pinned at first use, unverified")
    frames = np.zeros((16, 32, 48, 3), dtype=np.uint8)
    frames[:, :, 24:] = 255
    windows = embedder.prepare["video"](mp4(frames))
    assert windows.shape == (1, 3, 16, 224, 224)
    assert windows[0, :, :, :, :90].max() < -0.9
    assert windows[0, :, :, :, 134:].min() > 0.9
    assert embedder.run("video", windows[:, :, :10, ::2, ::2].repeat(2, 3).repeat(2, 4)).shape == (1, 400)
