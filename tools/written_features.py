"""Features by written rules, without weights: colour, edges, spectrum. Their distances are no published ones."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from model_adapter.decoding import decode_audio, decode_image, decode_video
from shards.media import MediaKind

FloatArray = npt.NDArray[np.float64]
_SIDE_PX: Final = 64
_RINGS: Final = 8
_ORIENTATIONS: Final = 8
_BANDS_HZ: Final = np.geomspace(50, 8000, 17)
_WINDOW_S: Final = 0.032
_FLOOR: Final = 1e-8
_QUIET: Final = 1e-6
"""Added to a band's energy: what is quieter counts as silence, so that digital silence lies not far from it."""
_STILL: Final = 1e-3
"""Added to the change between frames, in shares of full light, for the same reason."""
_OPPONENTS: Final = np.array([[0.299, 0.587, 0.114], [0.5, -0.5, 0.0], [0.25, 0.25, -0.5]])


def image_features(content: bytes) -> FloatArray:
    """Moments of light, red-green and yellow-blue, histogram of edge directions, spectrum in rings, [26]."""
    return _picture_features(decode_image(content, side_px=_SIDE_PX))


def video_features(content: bytes) -> FloatArray:
    """The frames' mean image features, and mean, spread and maximum of the log change between frames, [29].

    In logs a few frozen frames show in films that move much and in those that move little.
    """
    frames = decode_video(content, side_px=_SIDE_PX)
    changes = np.abs(np.diff(frames.astype(np.float64), axis=0)).mean(axis=(1, 2, 3)) / 255 if len(frames) > 1 else [0]
    pictures = np.mean([_picture_features(frame) for frame in frames], axis=0)
    logs = np.log(np.asarray(changes) + _STILL)
    return np.append(pictures, [logs.mean(), logs.std(), logs.max()])


def audio_features(content: bytes) -> FloatArray:
    """Mean and spread of log energies in 16 bands, and the mean of their rise (onsets), [33]."""
    samples, sample_rate_hz = decode_audio(content)
    size = max(2, round(_WINDOW_S * sample_rate_hz))
    padded = np.pad(samples.astype(np.float64), (0, max(0, 2 * size - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 2]  # [windows, size]
    power = np.abs(np.fft.rfft(windows * np.hanning(size))) ** 2 / size  # [windows, bins]
    bands = np.digitize(np.fft.rfftfreq(size, 1 / sample_rate_hz), _BANDS_HZ)
    energies = np.log(np.stack([power[:, bands == band].sum(axis=1) for band in range(1, 17)], axis=1) + _QUIET)
    rise = np.maximum(np.diff(energies, axis=0), 0).mean()
    return np.concatenate([energies.mean(axis=0), energies.std(axis=0), [rise]])


def _picture_features(pixels: npt.NDArray[np.uint8]) -> FloatArray:
    planes = pixels.reshape(-1, 3) / 255 @ _OPPONENTS.T  # [pixels, light, red-green, yellow-blue]
    centred = planes - planes.mean(axis=0)
    moments = [planes.mean(axis=0), planes.std(axis=0), np.cbrt((centred**3).mean(axis=0))]
    light = planes[:, 0].reshape(_SIDE_PX, _SIDE_PX)
    return np.concatenate([*moments, _edge_features(light), _ring_features(light)])


def _edge_features(light: FloatArray) -> FloatArray:
    """Mean edge strength, and its share of each direction, [9]."""
    down, right = np.gradient(light)
    strength = np.hypot(down, right)
    turns = (np.arctan2(down, right) % np.pi) / np.pi * _ORIENTATIONS
    shares = np.bincount(turns.astype(np.intp).ravel() % _ORIENTATIONS, strength.ravel(), minlength=_ORIENTATIONS)
    return np.append(shares / (strength.sum() + _FLOOR), strength.mean())


def _ring_features(light: FloatArray) -> FloatArray:
    """Log power in rings of equal width around frequency 0, [8]."""
    power = np.abs(np.fft.fft2(light)) ** 2 / light.size
    along = np.fft.fftfreq(_SIDE_PX)
    rings = np.minimum(np.hypot(along[:, None], along) * 2 * _RINGS, _RINGS - 1).astype(np.intp)
    sums = np.bincount(rings.ravel(), power.ravel(), minlength=_RINGS)
    return np.asarray(np.log(sums / np.bincount(rings.ravel(), minlength=_RINGS) + _FLOOR))


FEATURES: Final[Mapping[MediaKind, Callable[[bytes], FloatArray]]] = {
    "image": image_features,
    "video": video_features,
    "audio": audio_features,
}
