"""The two networks of audio distances: VGGish (FAD) and PANNs' CNN14 (FD, Inception Score of sounds).

Written anew; names and shapes of weights are those of torchvggish and of PANNs' checkpoints. No checkpoint could be
loaded here, so that both are `unverified`. Sources: Kilgour et al. 2019, arXiv:1812.08466, and Hershey et al. 2017;
harritaylor/torchvggish@1bedc9d, vggish.py; Kong et al. 2020, arXiv:1912.10211; haoheliu/audioldm_eval@70fc9cd.
"""

from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from model_adapter.decoding import decode_audio
from model_adapter.embedders.embedder import Array, Embedder, Input
from model_adapter.embedders.running import checked, runner
from model_adapter.embedders.weights import load_state
from model_adapter.errors import ShortMediumError
from shards.sample import Media

_RATE_HZ: Final = 16_000
_N_FRAMES: Final = 96
_LOG_OFFSET: Final = 0.01


class Vggish(nn.Module):
    """Log-mel windows [b, 1, 96, 64] to embeddings [b, 128], without the last ReLU, PCA and quantisation."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 1
        for step in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0):
            layers += [nn.Conv2d(width, step, 3, padding=1), nn.ReLU()] if step else [nn.MaxPool2d(2)]
            width = step or width
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(512 * 4 * 6, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 128)
        )

    def forward(self, windows: Tensor) -> Tensor:
        maps: Tensor = self.features(windows)
        embedding: Tensor = self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))  # channels last, as TensorFlow's
        return embedding


def vggish_windows(samples: Array) -> Array:
    """Log-mel windows of 0.96 s without overlap, [windows, 1, 96, 64]; what is left at the end is dropped.

    Frames of 25 ms every 10 ms under a periodic Hann window, magnitudes of 512 points, 64 mel bands of 125..7500 Hz.

    Raises:
        ShortMediumError: If the sound is shorter than a window.
    """
    from transformers.audio_utils import mel_filter_bank

    n_samples, step = 400, 160
    n_windows = (1 + (len(samples) - n_samples) // step) // _N_FRAMES if len(samples) >= n_samples else 0
    if n_windows == 0:
        found = f"{len(samples) / _RATE_HZ:.3f} s"
        raise ShortMediumError("sound", expected="at least 0.975 s for VGGish", found=found)
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), n_samples)[::step]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi / n_samples * np.arange(n_samples))
    magnitudes = np.abs(np.fft.rfft(frames[: n_windows * _N_FRAMES] * hann, 512))
    filters = mel_filter_bank(257, 64, 125.0, 7500.0, _RATE_HZ, mel_scale="kaldi", triangularize_in_mel_space=True)
    mels: Array = np.log(magnitudes @ filters + _LOG_OFFSET)
    return mels.reshape(n_windows, 1, _N_FRAMES, 64).astype(np.float32)


class _Spectrogram(nn.Module):
    def __init__(self, size: int, step: int) -> None:
        super().__init__()
        # The Fourier transform as convolutions, whose kernels are part of the checkpoint.
        parts = {name: nn.Conv1d(1, size // 2 + 1, size, step, bias=False) for name in ("conv_real", "conv_imag")}
        self.stft = nn.ModuleDict(parts)
        self.size = size

    def forward(self, samples: Tensor) -> Tensor:
        """[b, samples] to power, [b, frames, bins]; frames are centred, edges mirrored."""
        padded = functional.pad(samples[:, None], (self.size // 2, self.size // 2), mode="reflect")
        power: Tensor = self.stft["conv_real"](padded) ** 2 + self.stft["conv_imag"](padded) ** 2
        return power.transpose(1, 2)


class _Mel(nn.Module):
    def __init__(self, n_bins: int) -> None:
        super().__init__()
        self.melW = nn.Parameter(torch.zeros(n_bins, 64))

    def forward(self, power: Tensor) -> Tensor:
        return 10 * torch.log10((power @ self.melW).clamp(min=1e-10))


class _ConvolutionPair(nn.Module):
    def __init__(self, d_in: int, d_out: int, pool: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(d_in, d_out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(d_out, d_out, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(d_out), nn.BatchNorm2d(d_out)
        self.pool = pool

    def forward(self, maps: Tensor) -> Tensor:
        maps = functional.relu(self.bn1(self.conv1(maps)))
        maps = functional.relu(self.bn2(self.conv2(maps)))
        return functional.avg_pool2d(maps, self.pool)


class Cnn14(nn.Module):
    """Samples at 16 kHz [b, n] to PANNs' embeddings [b, 2048]; `fc_audioset` holds the classifier of 527 tags."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrogram_extractor = _Spectrogram(512, 160)
        self.logmel_extractor = _Mel(257)
        self.bn0 = nn.BatchNorm2d(64)
        widths = (1, 64, 128, 256, 512, 1024, 2048)
        for number in range(1, 7):
            block = _ConvolutionPair(widths[number - 1], widths[number], 2 if number < 6 else 1)
            self.add_module(f"conv_block{number}", block)
        self.fc1 = nn.Linear(2048, 2048)
        self.fc_audioset = nn.Linear(2048, 527)

    def forward(self, samples: Tensor) -> Tensor:
        mels = self.logmel_extractor(self.spectrogram_extractor(samples))[:, None]  # [b, 1, frames, 64]
        maps = self.bn0(mels.transpose(1, 3)).transpose(1, 3)
        for number in range(1, 7):
            maps = self.get_submodule(f"conv_block{number}")(maps)
        pooled = maps.mean(dim=3)  # [b, 2048, frames]
        return functional.relu(self.fc1(pooled.amax(dim=2) + pooled.mean(dim=2)))


def vggish(path: Path) -> Embedder:
    """VGGish's embeddings of windows, which stay rows of their own."""
    network = Vggish()
    load_state(network, path)
    return Embedder(
        prepare={"audio": checked("audio", lambda part, content: vggish_windows(_samples(content)), has_windows=True)},
        run=runner(network, lambda network, kind, given: network(given)),
        by_window=frozenset({"audio"}),
    )


def cnn14(path: Path, *, output: Literal["features", "logits"]) -> Embedder:
    """CNN14's embeddings, or the tags' outputs before the sigmoid."""
    network = Cnn14()
    load_state(network, path, inside="model")

    def prepare(part: Media, content: bytes) -> Array:
        samples = _samples(content)
        return np.pad(samples, (0, max(0, 2 * _RATE_HZ - len(samples))))  # five poolings need some length

    def forward(network: Any, kind: Input, given: Tensor) -> Tensor:
        features: Tensor = network(given)
        return network.fc_audioset(features) if output == "logits" else features

    return Embedder(prepare={"audio": checked("audio", prepare, has_windows=False)}, run=runner(network, forward))


def _samples(content: bytes) -> Array:
    return decode_audio(content).resampled(_RATE_HZ)
