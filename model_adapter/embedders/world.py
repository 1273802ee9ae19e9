"""The small network that ships: the world's pictures, films, sounds and captions in one space, and what is in them.

numpy alone runs it; `python -m tools.world_network` trains it and writes the weights beside this module. Numbers made
with it are self-tests and no published ones. Each medium goes through a tower: overlapping patches times a matrix,
rectified, several times over; the means and maxima over all places make its summary; one matrix turns that into the
joint embedding, another into logits.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from model_adapter.decoding import decode_audio, decode_image, decode_video
from model_adapter.embedders.embedder import Array, Embedder, Input, Prepare

Floats = npt.NDArray[np.float32]
Weights = Mapping[str, Array]
"""By name; float32, but for lists of words and of classes."""

SHIPPED: Final = Path(__file__).with_name("world.npz")
SIDE_PX: Final = 96
N_FRAMES: Final = 8
N_WORDS: Final = 40
RATE_HZ: Final = 16_000
SPAN: Final = 5 * RATE_HZ  # samples of a window
_MOST_SPANS: Final = 12
_FRAME, _HOP = 1024, 320  # samples of a spectrum, and from one to the next
_FLOOR: Final = 1e-4
BAND_STARTS: Final = np.round((np.geomspace(360, 8000, 41)[:-1] - 300) / RATE_HZ * _FRAME).astype(np.intp)
"""First bins of 40 bands whose width grows with their frequency."""

TOWERS: Final[Mapping[Input, str]] = {"image": "visual", "video": "visual", "audio": "audio", "text": "text"}
STEPS: Final[Mapping[str, tuple[tuple[int, int], ...]]] = {
    "visual": ((3, 3), (2, 2), (2, 2), (1, 1)),
    "audio": ((2, 1), (2, 1), (2, 1)),
    "text": ((1, 1), (1, 1)),
}
"""From one patch to the next, down and across, in each layer of a tower."""


def picture_planes(content: bytes) -> Floats:
    """Red, green, blue in [-1, 1] and two planes of no change, [1, 5, side, side]."""
    return _planes(decode_image(content, side_px=SIDE_PX)[None])


def film_planes(content: bytes) -> Floats:
    """The middles of eight equal parts, with the light's change from the frame before and to the next, [8, ...]."""
    frames = decode_video(content, side_px=SIDE_PX)
    return _planes(frames)[((np.arange(N_FRAMES) + 0.5) * len(frames) / N_FRAMES).astype(np.intp)]


def _planes(frames: npt.NDArray[np.uint8]) -> Floats:
    light = frames.mean(axis=3, dtype=np.float32) / 255
    changes = np.diff(light, axis=0, prepend=light[:1]), np.diff(light, axis=0, append=light[-1:])
    colours = frames.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
    return np.concatenate([colours, np.stack(changes, axis=1)], axis=1)


def sound_planes(content: bytes) -> Floats:
    """Logs of band energies over time; windows of 5 s of the first minute, zeros at the end, [windows, 1, 247, 40]."""
    samples = decode_audio(content).resampled(RATE_HZ)[: _MOST_SPANS * SPAN]
    spans = np.zeros(max(1, round(len(samples) / SPAN)) * SPAN)
    spans[: len(samples)] = samples[: len(spans)]
    frames = sliding_window_view(spans.reshape(-1, SPAN), _FRAME, axis=1)[:, ::_HOP]  # [windows, frames, samples]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME))) ** 2
    energies = np.add.reduceat(power, BAND_STARTS, axis=2)
    return (np.log10(energies + _FLOOR) / 4).astype(np.float32)[:, None]


def word_numbers(content: bytes, words: Array) -> Array:
    """Places of a text's words in the list, from 1, then zeros, [1, 40]; words that are not in it, and later ones, go.

    A text without any known word is a row of zeros, whose embedding is that of saying nothing.
    """
    places = {word: place for place, word in enumerate(words.tolist(), start=1)}
    known = [places[word] for word in re.findall("[a-z]+", content.decode().lower()) if word in places][:N_WORDS]
    return np.array([known + [0] * (N_WORDS - len(known))])


@lru_cache(maxsize=1)
def read_weights(path: Path) -> Weights:
    """What `tools.world_network` wrote, float16 lifted to float32."""
    with np.load(path, allow_pickle=False) as file:
        return {name: one.astype(np.float32) if one.dtype == np.float16 else one for name, one in file.items()}


def summary(weights: Weights, kind: Input, given: Array) -> Floats:
    """One window through its tower: the means, then the maxima over places, [2 * channels]."""
    tower = TOWERS[kind]
    planes = weights["text.words"][given].T[:, None] if kind == "text" else given  # [channels, down, across]
    for number, (down, across) in enumerate(STEPS[tower]):
        kernel = weights[f"{tower}.{number}.weight"]  # [out, channels, height, width]
        patches = sliding_window_view(planes, kernel.shape[2:], axis=(1, 2))[:, ::down, ::across]
        sums = np.tensordot(kernel, patches, axes=((1, 2, 3), (0, 3, 4)))  # [out, down, across]
        planes = np.maximum(sums + weights[f"{tower}.{number}.bias"], 0)
    return np.concatenate([planes.mean(axis=(1, 2)), planes.max(axis=(1, 2))])


def world(path: Path | None, *, head: Literal["joint", "tags"]) -> Embedder:
    """Joint embeddings of length 1, a film's by frames, or logits of the classes that the weights list.

    Each window is computed alone, so that features do not hang on what else is in the batch.
    """
    path = path or SHIPPED
    weights, sha256 = read_weights(path), hashlib.sha256(path.read_bytes()).hexdigest()

    def run(kind: Input, windows: Array) -> Array:
        rows = np.stack([summary(weights, kind, one) for one in windows])
        made = np.stack([row @ weights[f"{kind}.{head}.weight"] + weights[f"{kind}.{head}.bias"] for row in rows])
        return made / np.linalg.norm(made, axis=1, keepdims=True) if head == "joint" else made

    prepare: dict[Input, Prepare] = {"image": picture_planes, "video": film_planes, "audio": sound_planes}
    if head == "joint":
        prepare["text"] = lambda content: word_numbers(content, weights["words"])
    by_window = frozenset[Input]({"video"} if head == "joint" else ())
    return Embedder(prepare=prepare, run=run, by_window=by_window, weights=f"sha256:{sha256} shipped")
