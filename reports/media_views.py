"""Media as a page can show them: data URLs, sensor curves, positions on an axis."""

import base64
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from shards.media import KIND_BY_EXTENSION, sniff

MAX_INLINE_BYTES: Final = 8 * 2**20
_SUBTYPES: Final[Mapping[str, str]] = {"jpg": "jpeg", "mp3": "mpeg", "m4a": "mp4"}
"""Of media types, where they are not called like the extension."""
_CURVE_POINTS: Final = 240
_CURVE_WIDTH: Final = 240.0
_CURVE_HEIGHT: Final = 36.0


def media_url(content: bytes, kind: str) -> str | None:
    """A data URL of the type that the bytes are; None for what no page should hold.

    None stands for bytes of another kind than `kind` ("image", "audio", "video"), of an unknown type, or beyond
    8 MiB. An Ogg or an MP4 container may carry either sound or pictures, so these two pass as both.
    """
    extension = sniff(content) or ""
    usual = KIND_BY_EXTENSION.get(extension)
    is_container = extension in ("ogg", "mp4", "webm") and kind in ("audio", "video")
    if len(content) > MAX_INLINE_BYTES or extension == "mkv" or (usual != kind and not is_container):
        return None
    return f"data:{usual}/{_SUBTYPES.get(extension, extension)};base64,{base64.b64encode(content).decode()}"


@dataclass(frozen=True)
class Curve:
    """One axis of a sensor: points of an SVG polyline in a box of 240 x 36, and the range in the sensor's unit."""

    points: str
    low: float
    high: float


def imu_lines(content: bytes) -> tuple[Curve, ...]:
    """The axes of an IMU window, thinned to at most 240 points each; empty if the bytes are no plain [time, axes]."""
    if sniff(content) != "npy" or len(content) > MAX_INLINE_BYTES:
        return ()
    try:
        readings = np.load(io.BytesIO(content), allow_pickle=False)
    except ValueError:
        return ()
    if readings.ndim != 2 or readings.shape[0] < 2 or not np.issubdtype(readings.dtype, np.floating):
        return ()
    picked = np.linspace(0, len(readings) - 1, min(len(readings), _CURVE_POINTS)).round().astype(int)
    return tuple(_curve(np.nan_to_num(column)) for column in readings[picked].astype(np.float64).T)


def _curve(column: Sequence[float] | np.ndarray) -> Curve:
    low, high = float(np.min(column)), float(np.max(column))
    x = np.linspace(0, _CURVE_WIDTH, len(column))
    y = _CURVE_HEIGHT * (1 - (np.asarray(column) - low) / ((high - low) or 1.0))
    return Curve(" ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True)), low, high)


@dataclass(frozen=True)
class Axis:
    """A linear axis from `low` to `high`, drawn 160 units wide."""

    low: float
    high: float
    width: float = 160.0

    @classmethod
    def around(cls, values: Iterable[float], *, ceiling: float = math.inf) -> "Axis":
        """An axis that leaves some air around all values, but none where no value can be: below 0, above `ceiling`."""
        held = list(values) or [0.0, 1.0]
        air = 0.06 * ((max(held) - min(held)) or abs(max(held)) or 1.0)
        low = min(held) - air if min(held) < 0 else max(min(held) - air, 0.0)
        return cls(low, max(min(max(held) + air, ceiling), max(held), low + air))

    def at(self, value: float) -> float:
        """Position of a value, 0..width, rounded to a tenth."""
        return round(self.width * (value - self.low) / (self.high - self.low), 1)
