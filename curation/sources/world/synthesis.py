"""A scene's sound: twelve sources made of sines, noise and envelopes, over a faint floor."""

import io
import math
import wave
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from curation.sources.world import scene as facts
from curation.sources.world.scene import SAMPLE_RATE_HZ, Scene, Sound, SoundEvent

FloatArray = NDArray[np.float64]

# How long one repetition of each sound lasts.
BURST_S: dict[Sound, float] = {
    "bell": 0.6, "drum": 0.28, "whistle": 0.4, "siren": 0.8, "clock": 0.16, "buzzer": 0.45, "water": 0.7,
    "engine": 0.8, "bird": 0.36, "horn": 0.5, "frog": 0.4, "guitar": 0.5,
}  # fmt: skip
UNPITCHED: frozenset[Sound] = frozenset({"clock", "water"})  # nobody would say that they are high or low

_PEAK: dict[facts.Loudness, float] = {"soft": 0.12, "normal": 0.35, "loud": 0.85}
_PITCH_FACTOR: dict[facts.Pitch, float] = {"low": 0.6, "middle": 1.0, "high": 1.65}
_FLOOR_RMS: dict[facts.Floor, float] = {"silence": 0.0003, "hiss": 0.006, "wind": 0.012, "rain": 0.009}


def render_wav(scene: Scene) -> bytes:
    """The scene's clip as a WAV file: 16 kHz, mono, 16 bit; the same bytes for the same scene and numpy."""
    generator = scene.noise_stream("synthesis")
    samples = round(scene.soundscape.duration_s * SAMPLE_RATE_HZ)
    signal = _floor(scene.soundscape.floor, samples, generator)
    for event in scene.soundscape.events:
        _add_event(signal, event, generator)
    pcm = np.clip(np.round(signal * 32_767), -32_768, 32_767).astype("<i2")
    encoded = io.BytesIO()
    with wave.open(encoded, "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", "not compressed"))
        file.writeframes(pcm.tobytes())
    return encoded.getvalue()


def _add_event(signal: FloatArray, event: SoundEvent, generator: np.random.Generator) -> None:
    for repetition in range(event.repetitions):
        burst = _burst(event.sound, _PITCH_FACTOR[event.pitch], generator)
        burst *= _PEAK[event.loudness] / np.abs(burst).max()
        start = round((event.start_s + repetition * (event.burst_s + event.gap_s)) * SAMPLE_RATE_HZ)
        signal[start : start + len(burst)] += burst[: len(signal) - start]


def _floor(floor: facts.Floor, samples: int, generator: np.random.Generator) -> FloatArray:
    noise = generator.standard_normal(samples)
    if floor == "wind":
        slow = 1.0 + 0.6 * np.sin(np.linspace(generator.uniform(0, math.tau), 9.0, samples))
        noise = _band(noise, 80, 500) * slow
    if floor == "rain":
        drops = generator.standard_normal(samples) * (generator.random(samples) < 0.004)
        noise = 0.5 * noise + 8.0 * _band(drops, 1500, 6000)
    noise /= np.sqrt(np.mean(noise**2))
    return np.asarray(_FLOOR_RMS[floor] * np.clip(noise, -4.0, 4.0))


def _burst(sound: Sound, factor: float, generator: np.random.Generator) -> FloatArray:
    """One repetition of a sound with its pitch multiplied by `factor`; scale is free, ends are faded."""
    seconds = np.arange(round(BURST_S[sound] * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    burst = _SOURCES[sound](seconds, factor, generator)
    rise, fall = np.arange(len(burst)) / 64, np.arange(len(burst))[::-1] / 320
    return burst * np.minimum(1.0, np.minimum(rise, fall))


def _wave(seconds: FloatArray, frequency_hz: FloatArray | float) -> FloatArray:
    """A sine whose frequency may change from sample to sample."""
    steps = np.broadcast_to(frequency_hz, seconds.shape) / SAMPLE_RATE_HZ
    return np.asarray(np.sin(math.tau * np.cumsum(steps)))


def _sine(seconds: FloatArray, frequency_hz: float) -> FloatArray:
    return np.asarray(np.sin(math.tau * frequency_hz * seconds))


def _partials(seconds: FloatArray, base_hz: float, *, count: int, slope: float, damping: float = 0.0) -> FloatArray:
    """Harmonics of a base whose level falls as k ** slope; each dies away `damping` times as fast as the last."""
    waves = (
        k**slope * np.sin(math.tau * base_hz * k * seconds + k) * np.exp(-damping * k * seconds)
        for k in range(1, count + 1)
    )
    return np.asarray(sum(waves))


def _band(signal: FloatArray, low_hz: float, high_hz: float) -> FloatArray:
    """Band-pass with edges an octave wide."""
    frequencies_hz = np.fft.rfftfreq(len(signal), 1 / SAMPLE_RATE_HZ)
    octaves = np.log2(np.maximum(frequencies_hz, 1.0))
    gain = np.clip(octaves - math.log2(low_hz) + 1, 0, 1) * np.clip(math.log2(high_hz) + 1 - octaves, 0, 1)
    return np.asarray(np.fft.irfft(np.fft.rfft(signal) * gain, len(signal)))


def _rush(seconds: FloatArray, generator: np.random.Generator, low_hz: float, high_hz: float) -> FloatArray:
    return _band(generator.standard_normal(len(seconds)), low_hz, high_hz)


def _bell(seconds: FloatArray, factor: float, _: np.random.Generator) -> FloatArray:
    """Partials of a bell, the high ones soon gone."""
    partials = ((0.5, 0.5, 3), (1, 1, 4), (1.19, 0.6, 5), (2, 0.55, 6), (2.74, 0.4, 8), (5.4, 0.2, 14))
    bursts = (
        level * np.exp(-seconds * decay) * np.sin(math.tau * 620 * factor * ratio * seconds)
        for ratio, level, decay in partials
    )
    return np.asarray(sum(bursts))


def _siren(seconds: FloatArray, factor: float, _: np.random.Generator) -> FloatArray:
    tone = _wave(seconds, 720 * factor * (1 + 0.38 * np.sin(math.tau * 2.5 * seconds - math.pi / 2)))
    return tone + 0.3 * tone**3


def _clock(seconds: FloatArray, factor: float, generator: np.random.Generator) -> FloatArray:
    """A tick and, 80 ms later, a softer tock."""
    tick, tock = ((seconds >= at_s) * np.exp(-np.maximum(seconds - at_s, 0.0) * 260) for at_s in (0.01, 0.09))
    return _band(generator.standard_normal(len(seconds)) * (tick + 0.6 * tock), 2400 * factor, 5000 * factor)


def _water(seconds: FloatArray, factor: float, generator: np.random.Generator) -> FloatArray:
    """Rushing noise with rising bubbles."""
    burst = 0.5 * _rush(seconds, generator, 500, 3000)
    for start_s in generator.uniform(0.0, seconds[-1] - 0.07, 9):
        local_s = np.clip(seconds - start_s, 0.0, 0.07)
        bubble = np.sin(math.tau * (generator.uniform(500, 1100) * factor + 5000 * local_s) * local_s)
        burst += 1.4 * bubble * np.exp(-local_s * 30) * (local_s < 0.07)
    return burst


def _drum(seconds: FloatArray, factor: float, generator: np.random.Generator) -> FloatArray:
    tone = _wave(seconds, factor * (60 + 150 * np.exp(-seconds * 30))) * np.exp(-seconds * 11)
    return tone + 0.15 * generator.standard_normal(len(seconds)) * np.exp(-seconds * 70)


def _engine(seconds: FloatArray, factor: float, generator: np.random.Generator) -> FloatArray:
    puffs = 0.6 + 0.4 * np.sin(math.tau * 11.5 * factor * seconds)
    noise = _rush(seconds, generator, 80, 500)
    return np.asarray((_partials(seconds, 46 * factor, count=18, slope=-0.7) + 0.8 * noise) * puffs)


# One repetition of each sound, from the seconds since its start, the factor of its pitch, and noise.
_SOURCES: dict[Sound, Callable[[FloatArray, float, np.random.Generator], FloatArray]] = {
    "bell": _bell, "siren": _siren, "clock": _clock, "water": _water, "engine": _engine, "drum": _drum,
    "buzzer": lambda s, f, _: np.sign(np.sin(math.tau * 150 * f * s)),
    "bird": lambda s, f, _: _wave(s, 2700 * f**0.6 * (1 + 0.25 * _sine(s, 9))) * _sine(s, 4.5) ** 2,
    "horn": lambda s, f, _: _partials(s, 311 * f, count=12, slope=-0.8) + _partials(s, 392 * f, count=12, slope=-0.8),
    "frog": lambda s, f, _: _partials(s, 190 * f, count=8, slope=-0.3) * np.clip(_sine(s, 17), 0.0, 0.3),
    "guitar": lambda s, f, _: _partials(s, 165 * f, count=16, slope=-0.7, damping=2.2),
    "whistle": lambda s, f, g: _wave(s, 1700 * f * (1 + 0.012 * _sine(s, 11))) + 0.12 * _rush(s, g, 1000, 5000),
}  # fmt: skip
