"""Preprocessing of each encoder: a part and its bytes to the network's input."""

import functools
import io
from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from model_adapter.decoding import open_image
from model_adapter.reference.encoders import pixels, sounds
from model_adapter.reference.encoders.encoder import Prepare
from model_adapter.reference.presets import MediumName
from shards.errors import MediaError
from shards.imu import imu_shape
from shards.sample import Imu, Media, Video

_AUDIO_MEAN: Final = -4.268
_AUDIO_STD: Final = 9.138
_CLIP_S: Final = 2.0
_N_MEL_FRAMES: Final = 204
_IMU_SECONDS: Final = 5.0
_Statistics = tuple[tuple[float, ...], tuple[float, ...]]
_CLIP: Final = (pixels.CLIP_MEAN, pixels.CLIP_STD)
_IMAGENET: Final = (pixels.IMAGENET_MEAN, pixels.IMAGENET_STD)


def imagebind() -> Mapping[MediumName, Prepare]:
    """ImageBind's: 224 px, clips of 2 s; the motion tower's 2,000 readings in 5 s."""
    return {
        "image": functools.partial(_picture, size_px=224, statistics=_CLIP),
        "video": _bind_film,
        "audio": _bind_sound,
        "imu": functools.partial(motion, n_readings=2000),
    }


def pictures(size_px: int, *, n_frames: int, is_imagenet: bool) -> Mapping[MediumName, Prepare]:
    """CLIP's: shorter side to size, middle square; a film is some frames of it, evenly spread."""
    statistics = _IMAGENET if is_imagenet else _CLIP
    return {
        "image": functools.partial(_picture, size_px=size_px, statistics=statistics),
        "video": functools.partial(_frames, size_px=size_px, n_frames=n_frames, statistics=statistics),
    }


def film(size_px: int, *, n_frames: int) -> Mapping[MediumName, Prepare]:
    """VideoMAE's: frames evenly spread, ImageNet's mean and deviation."""
    return {"video": functools.partial(_frames, size_px=size_px, n_frames=n_frames, statistics=_IMAGENET)}


def _picture(part: Media, content: bytes, *, size_px: int, statistics: _Statistics) -> Tensor:
    image = pixels.centre_crop(pixels.short_side(open_image(content), size_px), size_px)
    return torch.from_numpy(pixels.normalise([image], *statistics)[0])


def squashed(part: Media, content: bytes, *, size_px: int) -> Tensor:
    """MiniGPT-v2's: the whole picture pressed into a square."""
    image = pixels.squash(open_image(content), size_px)
    return torch.from_numpy(pixels.normalise([image], *_CLIP)[0])


def _frames(part: Media, content: bytes, *, size_px: int, n_frames: int, statistics: _Statistics) -> Tensor:
    shown = pixels.read_frames(content, pixels.evenly(_duration_s(part), n_frames))
    cut = [pixels.centre_crop(pixels.short_side(frame, size_px), size_px) for frame in shown]
    return torch.from_numpy(pixels.normalise(cut, *statistics))  # [frames, 3, h, w]


def _bind_film(part: Media, content: bytes) -> Tensor:
    """Five clips of two frames, three crops each: [15, 3, 2, 224, 224]."""
    starts = pixels.clip_starts(_duration_s(part), n=5, length_s=_CLIP_S)
    shown = pixels.read_frames(content, [start + offset for start in starts for offset in (0.0, _CLIP_S - 0.01)])
    crops = [pixels.three_crops(pixels.short_side(frame, 224), 224) for frame in shown]
    flat = [crops[2 * clip + end][side] for clip in range(5) for side in range(3) for end in range(2)]
    views = pixels.normalise(flat, *_CLIP).reshape(15, 2, 3, 224, 224)
    return torch.from_numpy(np.ascontiguousarray(views.transpose(0, 2, 1, 3, 4)))


def _bind_sound(part: Media, content: bytes) -> Tensor:
    """Three clips of two seconds as filter banks, [3, 1, 128, 204]."""
    samples = sounds.read_sound(content, rate_hz=16_000)
    banks = []
    for start_s in pixels.clip_starts(len(samples) / 16_000, n=3, length_s=_CLIP_S):
        begin = int(start_s * 16_000)
        clip = torch.from_numpy(samples[begin : begin + int(_CLIP_S * 16_000)])
        clip = functional.pad(clip, (0, max(0, 400 - len(clip))))
        bank = sounds.kaldi_mel(clip - clip.mean()).T[:, :_N_MEL_FRAMES]
        bank = functional.pad(bank, (0, _N_MEL_FRAMES - bank.shape[1]))
        banks.append((bank - _AUDIO_MEAN) / _AUDIO_STD)
    return torch.stack(banks).unsqueeze(1)


def clap_sound(part: Media, content: bytes) -> Tensor:
    """LAION-CLAP's: 48 kHz, the first ten seconds, shorter sounds repeated; one log-mel picture, [1, 1001, 64]."""
    from transformers import ClapFeatureExtractor

    samples = sounds.read_sound(content, rate_hz=48_000)[: 10 * 48_000]
    extractor = ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad", frequency_min=50)
    features: Tensor = extractor(samples, sampling_rate=48_000, return_tensors="pt")["input_features"]
    return features[0].to(torch.float32)


def motion(part: Media, content: bytes, *, n_readings: int) -> Tensor:
    """The middle five seconds as [6, n_readings], resampled linearly; a shorter window is followed by zeros."""
    if not isinstance(part, Imu):
        raise MediaError("medium", expected="an IMU window", found=type(part).__name__.lower())
    if imu_shape(content)[1] != 6:
        raise MediaError("IMU window", expected="6 axes", found=str(imu_shape(content)[1]))
    readings = np.load(io.BytesIO(content), allow_pickle=False).astype(np.float64)
    times_s = np.arange(len(readings)) / part.rate_hz
    first_s = max(0.0, (len(readings) / part.rate_hz - _IMU_SECONDS) / 2)
    wanted_s = first_s + np.arange(n_readings) * (_IMU_SECONDS / n_readings)
    columns = [np.interp(wanted_s, times_s, column, right=0.0) for column in readings.T]
    return torch.from_numpy(np.stack(columns).astype(np.float32))


def _duration_s(part: Media) -> float:
    if not isinstance(part, Video):
        raise MediaError("medium", expected="a video", found=type(part).__name__.lower())
    return part.duration_s
