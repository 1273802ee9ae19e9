"""What a motion sensor at the head of a person records: gravity, the rhythm of the activity, and noise.

Axes as seen by the wearer: x points forward, y to the left, z up; angular rates turn counter-clockwise around them, so
that z is positive in a turn to the left. An accelerometer at rest reads the push against gravity: +9.81 m/s^2 on z.
"""

import io
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from curation.sources.world.scene import IMU_DURATION_S, IMU_RATE_HZ, Activity, ActivitySpan, Pace, Scene

FloatArray = NDArray[np.float64]

IMU_FACTS: Final = {
    "rate_hz": float(IMU_RATE_HZ),
    "duration_s": IMU_DURATION_S,
    "axes": ["accl_x", "accl_y", "accl_z", "gyro_x", "gyro_y", "gyro_z"],
    "units": ["m/s^2"] * 3 + ["rad/s"] * 3,
    "note": "one array [time, axes] of float32 a window; x forward, y left, z up; at rest accl_z reads +9.81",
}
"""What the arrays do not state themselves."""

GRAVITY: Final = 9.81
_HZ: dict[Activity, float] = {
    "stand": 0.3, "walk": 1.8, "run": 2.7, "jump": 1.1, "turn left": 1.5, "turn right": 1.5, "climb stairs": 1.3,
    "nod": 1.0, "shake the head": 1.2, "cycle": 1.1,
}  # fmt: skip
"""Steps, jumps, nods or turns of the pedals a second at a steady pace."""
_SWINGS: dict[Activity, tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]] = {
    # accl x, y, z in m/s^2, then gyro x, y, z in rad/s: with the rhythm, at half of it, at twice of it
    "stand": ((0.05, 0.05, 0.03, 0.02, 0.02, 0.02), (0,) * 6, (0,) * 6),
    "walk": ((0.9, 0.0, 2.4, 0.0, 0.15, 0.0), (0.0, 0.8, 0.0, 0.2, 0.0, 0.25), (0.3, 0.0, 0.7, 0.0, 0.1, 0.0)),
    "run": ((2.6, 0.0, 7.5, 0.0, 0.5, 0.0), (0.0, 2.0, 0.0, 0.5, 0.0, 0.6), (0.8, 0.0, 1.8, 0.0, 0.2, 0.0)),
    "jump": ((0.5, 0.0, 0.0, 0.0, 0.3, 0.0), (0,) * 6, (0,) * 6),
    "turn left": ((0.3, 0.0, 0.6, 0.0, 0.1, 0.1), (0.0, 0.4, 0.0, 0.1, 0.0, 0.1), (0,) * 6),
    "turn right": ((0.3, 0.0, 0.6, 0.0, 0.1, 0.1), (0.0, 0.4, 0.0, 0.1, 0.0, 0.1), (0,) * 6),
    "climb stairs": ((0.8, 0.0, 2.4, 0.0, 0.35, 0.0), (0.0, 1.3, 0.0, 0.4, 0.0, 0.1), (0.6, 0.0, 1.1, 0.0, 0.2, 0.0)),
    "nod": ((-2.6, 0.0, 0.2, 0.0, 1.7, 0.0), (0,) * 6, (0.0, 0.0, 0.3, 0.0, 0.0, 0.0)),
    "shake the head": ((0.0, 0.3, 0.1, 0.0, 0.0, 2.2), (0,) * 6, (0.4, 0.0, 0.0, 0.0, 0.0, 0.0)),
    "cycle": ((0.5, 0.5, 0.3, 0.3, 0.05, 0.1), (0,) * 6, (0.3, 0.0, 0.5, 0.0, 0.0, 0.0)),
}
_STEADY: dict[Activity, tuple[float, ...]] = {  # beside the rhythm, the whole time
    "turn left": (0.0, 0.0, 0.0, 0.0, 0.0, 0.9),
    "turn right": (0.0, 0.0, 0.0, 0.0, 0.0, -0.9),
    "climb stairs": (1.7, 0.0, -0.15, 0.0, 0.0, 0.0),  # the head leans forward
    "cycle": (-2.4, 0.0, -0.3, 0.0, 0.0, 0.0),
}
_ROUGHNESS = {"cycle": 1.1, "run": 0.6}  # of road and soles, m/s^2
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
    tilt_x, tilt_y = generator.normal(0.0, 0.03, 2)
    window[:, :3] += GRAVITY * np.array([tilt_x, tilt_y, 1.0])
    window[:, 3:] += generator.normal(0.0, 0.01, 3)  # the sensor's bias
    for span in scene.activities:
        first, last = round(span.start_s * IMU_RATE_HZ), round(span.end_s * IMU_RATE_HZ)
        window[first:last] += _motion(span, last - first, generator)
    return window


def _motion(span: ActivitySpan, count: int, generator: np.random.Generator) -> FloatArray:
    """What the activity adds to gravity and noise, [count, 6]; it swells and ebbs within a fifth of a second."""
    factor = _PACE_FACTOR[span.pace]
    seconds = np.arange(count) / IMU_RATE_HZ
    wobble = 1 + 0.04 * np.sin(math.tau * 0.4 * seconds + generator.uniform(0, math.tau))
    phase = math.tau * np.cumsum(_HZ[span.activity] * factor * wobble) / IMU_RATE_HZ + generator.uniform(0, math.tau)
    motion = np.zeros((count, 6))
    for multiple, swings in zip((1.0, 0.5, 2.0), _SWINGS[span.activity], strict=True):
        motion[:, :3] += np.cos(multiple * phase)[:, None] * np.array(swings[:3]) * factor
        motion[:, 3:] += np.sin(multiple * phase)[:, None] * np.array(swings[3:]) * factor
    if span.activity == "jump":
        motion[:, 2] += _hops(phase / math.tau % 1.0)
    motion += np.array(_STEADY.get(span.activity, (0.0,) * 6)) * np.array([1, 1, 1, factor, factor, factor])
    motion[:, :3] += generator.normal(0.0, _ROUGHNESS.get(span.activity, 0.0), (count, 3))
    swell = np.minimum(1.0, np.minimum(seconds, seconds[::-1]) / 0.2)
    return motion * swell[:, None]


def _hops(share: FloatArray) -> FloatArray:
    """Push on z beside gravity, by how far each jump is: nothing holds in the air, the feet make up for it."""
    ground = (share - _FLIGHT) / (1 - _FLIGHT)
    push = GRAVITY * _FLIGHT / (1 - _FLIGHT) * math.pi / 2 * np.sin(math.pi * np.clip(ground, 0, 1))
    return np.where(share < _FLIGHT, -GRAVITY, push)
