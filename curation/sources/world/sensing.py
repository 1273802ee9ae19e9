"""What a motion sensor at the head of a person records: gravity, the rhythm of the activity, and noise.

Axes as seen by the wearer: x points forward, y to the left, z up; angular rates turn counter-clockwise around them, so
that z is positive in a turn to the left. An accelerometer at rest reads the push against gravity: +9.81 m/s^2 on z.
"""

import io
import math
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from curation.sources.world.scene import IMU_DURATION_S, IMU_RATE_HZ, Activity, ActivitySpan, Pace, Scene
from curation.sources.world.wording import read_table

FloatArray = NDArray[np.float64]

# What the arrays do not state themselves.
IMU_FACTS: Final = {
    "rate_hz": float(IMU_RATE_HZ),
    "duration_s": IMU_DURATION_S,
    "axes": ["accl_x", "accl_y", "accl_z", "gyro_x", "gyro_y", "gyro_z"],
    "units": ["m/s^2"] * 3 + ["rad/s"] * 3,
    "note": "one array [time, axes] of float32 a window; x forward, y left, z up; at rest accl_z reads +9.81",
}

GRAVITY: Final = 9.81


class _Rhythm(Struct, frozen=True, forbid_unknown_fields=True):
    """How an activity moves the sensor at a steady pace, in the order of the axes.

    Args:
        hz: Steps, jumps, nods or turns of the pedals a second.
        swings: Amplitudes by how many times as fast as the rhythm they are.
        steady: What there is beside the rhythm, the whole time; who climbs leans the head forward.
        roughness: Of road and soles, in m/s^2.
    """

    hz: float
    swings: dict[float, tuple[float, ...]]
    steady: tuple[float, ...] = (0.0,) * 6
    roughness: float = 0.0


_RHYTHMS: Final = read_table("activities.json", dict[Activity, _Rhythm])
_PACE_FACTOR: dict[Pace, float] = {"slow": 0.7, "steady": 1.0, "fast": 1.4}
_NOISE = np.array([0.12, 0.12, 0.12, 0.015, 0.015, 0.015])
_FLIGHT = 0.4  # share of a jump that is spent in the air, where nothing pushes


def render_imu(scene: Scene) -> bytes:
    """The scene's window as a `.npy` file, [1000, 6] float32; the same bytes for the same scene and numpy."""
    encoded = io.BytesIO()
    np.save(encoded, readings(scene).astype("<f4"), allow_pickle=False)
    return encoded.getvalue()


def readings(scene: Scene) -> FloatArray:
    """Accelerations and angular rates of the scene's activities in their order, [time, axes]; see `IMU_FACTS`."""
    generator = scene.noise_stream("sensing")
    window: FloatArray = generator.normal(0.0, 1.0, (round(IMU_DURATION_S * IMU_RATE_HZ), 6)) * _NOISE
    window[:, :3] += GRAVITY * np.array([*generator.normal(0.0, 0.03, 2), 1.0])  # the head is tilted a little
    window[:, 3:] += generator.normal(0.0, 0.01, 3)  # the sensor's bias
    for span in scene.activities:
        first, last = round(span.start_s * IMU_RATE_HZ), round(span.end_s * IMU_RATE_HZ)
        window[first:last] += _motion(span, last - first, generator)
    return window


def _motion(span: ActivitySpan, count: int, generator: np.random.Generator) -> FloatArray:
    """What the activity adds to gravity and noise, [count, 6]; it swells and ebbs within a fifth of a second."""
    rhythm, factor = _RHYTHMS[span.activity], _PACE_FACTOR[span.pace]
    seconds = np.arange(count) / IMU_RATE_HZ
    wobble = 1 + 0.04 * np.sin(math.tau * 0.4 * seconds + generator.uniform(0, math.tau))
    phase = math.tau * np.cumsum(rhythm.hz * factor * wobble) / IMU_RATE_HZ + generator.uniform(0, math.tau)
    motion = np.zeros((count, 6))
    for multiple, swings in rhythm.swings.items():
        motion[:, :3] += np.cos(multiple * phase)[:, None] * np.array(swings[:3]) * factor
        motion[:, 3:] += np.sin(multiple * phase)[:, None] * np.array(swings[3:]) * factor
    if span.activity == "jump":
        motion[:, 2] += _hops(phase / math.tau % 1.0)
    motion += np.array(rhythm.steady) * np.array([1, 1, 1, factor, factor, factor])
    motion[:, :3] += generator.normal(0.0, rhythm.roughness, (count, 3))
    swell = np.minimum(1.0, np.minimum(seconds, seconds[::-1]) / 0.2)
    return motion * swell[:, None]


def _hops(share: FloatArray) -> FloatArray:
    """Push on z beside gravity, by how far each jump is: nothing holds in the air, the feet make up for it."""
    ground = (share - _FLIGHT) / (1 - _FLIGHT)
    push = GRAVITY * _FLIGHT / (1 - _FLIGHT) * math.pi / 2 * np.sin(math.pi * np.clip(ground, 0, 1))
    return np.where(share < _FLIGHT, -GRAVITY, push)
