"""IMU windows are checked from their header: shape, type, order, rate, axes, limits."""

import io
from typing import Any

import numpy as np
import pytest

from shards.errors import MediaError
from shards.imu import imu_part, imu_shape
from shards.media import MediaLimits
from shards.sample import Imu


def npy(array: np.typing.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


WINDOW = npy(np.zeros((50, 3), np.float32))


def part(content: bytes = WINDOW, *, rate_hz: float = 25, n_axes: int = 3, limits: MediaLimits | None = None) -> Imu:
    names = [f"a{number}" for number in range(n_axes)]
    units = ["g"] * n_axes
    return imu_part(
        content, rate_hz=rate_hz, axes=names, units=units, member="a.npy", sha256="00", limits=limits or MediaLimits()
    )


def test_a_window_states_shape_and_length() -> None:
    assert imu_shape(WINDOW) == (50, 3)
    assert imu_shape(memoryview(WINDOW)) == (50, 3)
    assert (part().duration_s, part().rate_hz, part().axes, part().units) == (2.0, 25, ("a0", "a1", "a2"), ("g",) * 3)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "npy"),
        (WINDOW[:40], "npy"),
        (WINDOW[:-4], "bytes"),
        (WINDOW + b"1234", "bytes"),
        (npy(np.zeros((3,), np.float32)), r"\[3\]"),
        (npy(np.zeros((0, 3), np.float32)), "none empty"),
        (npy(np.zeros((5, 3), np.int16)), "<i2"),
        (npy(np.zeros((5, 3), ">f4")), ">f4"),
        (npy(np.asfortranarray(np.zeros((5, 3), np.float32))), "columns first"),
        (npy(np.array([[{}]], dtype=object)), "O"),
    ],
)
def test_what_is_no_window_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(MediaError, match=told):
        part(content)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"rate_hz": 0}, "rate above 0"),
        ({"rate_hz": 20_000}, "10000 Hz"),
        ({"n_axes": 4}, "3 axes, found 4 names"),
        ({"rate_hz": 0.01}, "seconds"),
        ({"limits": MediaLimits(max_size_bytes=100)}, "100 bytes"),
    ],
)
def test_rate_axes_and_limits(arguments: dict[str, object], told: str) -> None:
    with pytest.raises(MediaError, match=told):
        part(**arguments)  # type: ignore[arg-type]
