"""IMU windows: motion sensor readings as `.npy`, checked from the header, their values left alone."""

import io
from collections.abc import Sequence

import numpy as np

from shards.errors import MediaError, told_as
from shards.media import MediaLimits
from shards.sample import Imu, Provenance

_TYPES = ("<f4", "<f8")


def imu_part(
    content: bytes,
    *,
    rate_hz: float,
    axes: Sequence[str],
    units: Sequence[str],
    member: str,
    sha256: str,
    limits: MediaLimits = MediaLimits(),  # noqa: B008 (frozen)
    provenance: Provenance = Provenance(),  # noqa: B008 (frozen)
) -> Imu:
    """The part that stands for a window of readings.

    Args:
        content: A `.npy` file of [time, axes] float32 or float64, rows in the order of time.
        rate_hz: Readings per second; the file does not state it.
        axes: A name for each column, such as "accelerometer_x".
        units: The unit of each column, such as "m/s^2".
        member: Its name in the shard.
        sha256: Of `content`.
        limits: What is refused.
        provenance: Where the readings come from.

    Raises:
        MediaError: If the bytes are no such array, do not fit rate, axes and units, or exceed the limits.
    """
    n_readings, n_axes = imu_shape(content, limits=limits)
    if not 0 < rate_hz <= limits.max_rate_hz:
        raise MediaError(member, expected=f"a rate above 0 and at most {limits.max_rate_hz:g} Hz", found=f"{rate_hz:g}")
    if not n_axes == len(axes) == len(units):
        expected, found = f"a name and a unit for {n_axes} axes", f"{len(axes)} names, {len(units)} units"
        raise MediaError(member, expected=expected, found=found)
    duration_s = round(n_readings / rate_hz, 6)
    if duration_s > limits.max_duration_s:
        raise MediaError(member, expected=f"at most {limits.max_duration_s:g} seconds", found=f"{duration_s:g}")
    return Imu(
        member=member,
        sha256=sha256,
        duration_s=duration_s,
        rate_hz=rate_hz,
        axes=tuple(axes),
        units=tuple(units),
        provenance=provenance,
    )


def imu_shape(content: bytes | memoryview, *, limits: MediaLimits = MediaLimits()) -> tuple[int, int]:  # noqa: B008 (frozen)
    """Number of readings and of axes of a `.npy` window.

    Raises:
        MediaError: If the bytes are no [time, axes] array of floats, are cut, or exceed the limits.
    """
    if len(content) > limits.max_size_bytes:
        raise MediaError("IMU window", expected=f"at most {limits.max_size_bytes} bytes", found=f"{len(content)}")
    file = io.BytesIO(content)
    with told_as((ValueError, EOFError), MediaError, "IMU window", expected="a .npy file"):
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read_header(file)
    if len(shape) != 2 or 0 in shape or is_fortran or dtype.str not in _TYPES:
        order = "columns first" if is_fortran else "rows first"
        found = f"{list(shape)} of {dtype.str}, {order}"
        raise MediaError("IMU window", expected="[time, axes] of <f4 or <f8, rows first, none empty", found=found)
    expected_bytes = file.tell() + shape[0] * shape[1] * dtype.itemsize
    if expected_bytes != len(content):
        raise MediaError("IMU window", expected=f"{expected_bytes} bytes", found=f"{len(content)}")
    return int(shape[0]), int(shape[1])
