"""Sounds to samples and to mel filter banks."""

import io
import itertools
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shards.errors import MediaError, told_as
from shards.media import probe

Samples = npt.NDArray[np.float32]
_PREEMPHASIS: Final = 0.97


def read_sound(content: bytes, *, rate_hz: int) -> Samples:
    """The sound as one channel (the mean of all) at `rate_hz`; a film's first sound track counts.

    Raises:
        MediaError: If the bytes hold no readable sound, or no sample.
    """
    import av

    probe(content)
    # Channels are averaged here: the resampler's own mono is their sum over the root of two.
    resampler = av.AudioResampler(format="fltp", rate=rate_hz)
    pieces: list[Samples] = []
    told = told_as((av.error.FFmpegError, ValueError), MediaError, "sound", expected="a readable sound")
    with told, av.open(io.BytesIO(content), mode="r") as container:
        if not container.streams.audio:
            raise MediaError("medium", expected="a sound", found="no sound track")
        for frame in itertools.chain(container.decode(audio=0), (None,)):  # at last, what the resampler still holds
            pieces.extend(part.to_ndarray().mean(axis=0) for part in resampler.resample(frame))
    if not any(map(len, pieces)):
        raise MediaError("sound", expected="at least one sample", found="none")
    return np.concatenate(pieces).astype(np.float32, copy=False)


def kaldi_mel(samples: Tensor, *, n_mels: int = 128, rate_hz: int = 16_000) -> Tensor:
    """Logarithmic mel filter banks as Kaldi computes them with HTK's settings: [n] -> [frames, n_mels].

    Frames of 25 ms every 10 ms, edges dropped; mean removed, preemphasis 0.97, Hann window, power spectrum, no dither.
    """
    length, step = rate_hz * 25 // 1000, rate_hz * 10 // 1000
    frames = samples.unfold(0, length, step)  # [frames, length]
    frames = frames - frames.mean(dim=1, keepdim=True)
    before = torch.cat((frames[:, :1], frames[:, :-1]), dim=1)
    frames = (frames - _PREEMPHASIS * before) * torch.hann_window(length, periodic=False)
    n_fft = 1 << (length - 1).bit_length()
    power = torch.fft.rfft(frames, n=n_fft).abs().square()
    filters = torch.from_numpy(_mel_filters(n_mels, n_fft=n_fft, rate_hz=rate_hz))
    energies: Tensor = (power @ filters.T).clamp(min=torch.finfo(torch.float32).eps)
    return energies.log()


def _mel_filters(n_mels: int, *, n_fft: int, rate_hz: int, lowest_hz: float = 20.0) -> Samples:
    """Triangles that are even on the mel scale, [n_mels, n_fft / 2 + 1]; the highest ends at half the rate."""
    edges = np.linspace(_mel(lowest_hz), _mel(rate_hz / 2), n_mels + 2)
    bins = _mel(np.arange(n_fft // 2 + 1) * rate_hz / n_fft)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.clip(np.minimum(rising, falling), 0.0, None)
    filters[:, -1] = 0.0  # Kaldi leaves out the last bin
    return filters.astype(np.float32)


def _mel(frequency_hz: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(frequency_hz) / 700.0)
