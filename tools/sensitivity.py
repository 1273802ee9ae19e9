"""Write docs/sensitivity.md: how metrics of generated media answer to damage of growing severity on real media.

Usage: python -m tools.sensitivity --media DIR [--out docs] [--embedder NAME --weights PATH]

Pictures and films are cut into tiles and pieces; one half stays as it is and is the reference, the other is damaged.
"""

import argparse
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av
import matplotlib as mpl
import numpy as np
import PIL.Image
import PIL.ImageFilter
import soundfile
from matplotlib.figure import Figure

from evals.metrics.feature_sets import FeatureSet, feature_set
from evals.metrics.frechet import frechet_distance
from evals.metrics.gaussians import FeatureStatistics
from evals.metrics.kernel_distance import score_kernel_distance
from evals.metrics.prc import score_precision_recall
from model_adapter.embedders import Embedder, open_embedder
from shards.media import MediaKind

TILE_PX: Final = 96
PIECE_S: Final = 1.0
PIECE_FRAMES: Final = 12
MOST_PIECES: Final[Mapping[MediaKind, int]] = {"image": 400, "video": 240, "audio": 240}
Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Sound = tuple[np.ndarray[Any, np.dtype[np.float32]], int]
Damage = tuple[Sequence[float], Callable[[Any, float, np.random.Generator], Any]]


def blur(pixels: Pixels, radius_px: float, rng: np.random.Generator) -> Pixels:
    return np.asarray(PIL.Image.fromarray(pixels).filter(PIL.ImageFilter.GaussianBlur(radius_px)))


def noise(pixels: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    return (pixels + rng.normal(0, deviation, pixels.shape)).clip(0, 255).astype(np.uint8)


def jpeg(pixels: Pixels, loss: float, rng: np.random.Generator) -> Pixels:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "JPEG", quality=round(100 - loss))
    return np.asarray(PIL.Image.open(file))


def frozen(frames: Pixels, length: float, rng: np.random.Generator) -> Pixels:
    """Each frame that is kept stands in for the dropped ones after it."""
    return frames[np.arange(len(frames)) // int(length) * int(length)]


def shuffled(frames: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    order = np.arange(len(frames))
    chosen = rng.permutation(len(frames))[: round(share * len(frames))]
    order[np.sort(chosen)] = chosen
    return frames[order]


def silence(sound: Sound, share: float, rng: np.random.Generator) -> Sound:
    return np.where(np.arange(len(sound[0])) < share * len(sound[0]), np.float32(0), sound[0]), sound[1]


def clipping(sound: Sound, gain: float, rng: np.random.Generator) -> Sound:
    loudest = np.abs(sound[0]).max()
    return (sound[0] * gain).clip(-loudest, loudest), sound[1]


def hiss(sound: Sound, share: float, rng: np.random.Generator) -> Sound:
    return (sound[0] + rng.normal(0, share * sound[0].std() + 1e-9, len(sound[0]))).astype(np.float32), sound[1]


DAMAGES: Final[Mapping[MediaKind, Mapping[str, Damage]]] = {
    "image": {"blur, px": ((1, 2, 4), blur), "noise": ((10, 25, 60), noise), "JPEG loss": ((50, 80, 95), jpeg)},
    "video": {
        "frames frozen": ((2, 3, 4), frozen),
        "noise": ((10, 25, 60), noise),
        "share shuffled": ((0.2, 0.4, 0.8), shuffled),
    },
    "audio": {
        "share silent": ((0.1, 0.25, 0.5), silence),
        "clipping gain": ((2, 8, 64), clipping),
        "hiss": ((0.1, 0.5, 2.0), hiss),
    },
}


def tiles(folder: Path) -> Iterator[Pixels]:
    for path in sorted(folder.rglob("*.jpg")):
        image = PIL.Image.open(path).convert("RGB")
        image.thumbnail((8 * TILE_PX, 8 * TILE_PX))
        yield from _grid(np.asarray(image)[None], lambda cut: cut[0])


def films(folder: Path) -> Iterator[Pixels]:
    for path in sorted(folder.rglob("*.mp4")):
        with av.open(str(path)) as container:
            decoded = [one.to_ndarray(width=192, height=144, format="rgb24") for one in container.decode(video=0)]
        frames = np.stack(decoded).astype(np.uint8)
        for start in range(0, len(frames) - PIECE_FRAMES + 1, PIECE_FRAMES):
            yield from _grid(frames[start : start + PIECE_FRAMES], lambda cut: cut)


def _grid(frames: Pixels, take: Callable[[Pixels], Pixels]) -> Iterator[Pixels]:
    for top in range(0, frames.shape[1] - TILE_PX + 1, TILE_PX):
        for left in range(0, frames.shape[2] - TILE_PX + 1, TILE_PX):
            yield take(frames[:, top : top + TILE_PX, left : left + TILE_PX])


def sounds(folder: Path) -> Iterator[Sound]:
    for path in sorted(folder.rglob("*.wav")):
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        size = round(PIECE_S * rate_hz)
        for start in range(0, len(samples) - size + 1, size // 4):
            yield samples[start : start + size].mean(axis=1), rate_hz


def encoded(kind: MediaKind, medium: Any) -> bytes:
    file = io.BytesIO()
    if kind == "image":
        PIL.Image.fromarray(medium).save(file, "PNG")
    elif kind == "audio":
        soundfile.write(file, medium[0], medium[1], format="WAV", subtype="FLOAT")
    else:
        with av.open(file, "w", format="matroska") as container:
            stream = container.add_stream("ffv1", rate=12)
            stream.height, stream.width, stream.pix_fmt = medium.shape[1], medium.shape[2], "yuv444p"
            for frame in medium:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
            container.mux(stream.encode(None))
    return file.getvalue()


def values(made: FeatureSet, real: FeatureSet) -> dict[str, float]:
    """Each metric so that more is worse."""
    found = {"Frechet distance": frechet_distance(*(FeatureStatistics.of(one).whole for one in (made, real)))}
    size = min(len(made.array), len(real.array)) // 2
    kernel = score_kernel_distance(made, real, protocol="sensitivity", subsets=50, subset_size=size).primary.value
    precision = score_precision_recall(made, real, protocol="sensitivity", seed=0).primary.value
    found["kernel distance"] = kernel or 0.0
    found["1 - precision"] = 1 - (precision or 0.0)
    return found


def curves(kind: MediaKind, media: Sequence[Any], embedder: Embedder) -> dict[str, dict[str, list[float]]]:
    """Each metric's values by damage, the undamaged half first."""

    def features(chosen: Sequence[Any]) -> FeatureSet:
        return feature_set(np.concatenate([embedder.embed(kind, encoded(kind, one)) for one in chosen]))

    real = features(media[::2])
    spread = real.array.std(axis=0) + 1e-6
    found: dict[str, dict[str, list[float]]] = {}
    for name, (levels, damage) in DAMAGES[kind].items():
        rng = np.random.default_rng(0)
        sets = [media[1::2], *([damage(one, level, rng) for one in media[1::2]] for level in levels)]
        for made in map(features, sets):
            both = (feature_set(one.array / spread) for one in (made, real))
            for metric, value in values(*both).items():
                found.setdefault(metric, {}).setdefault(name, []).append(value)
    return found


def report(found: Mapping[MediaKind, dict[str, dict[str, list[float]]]], counts: Mapping[str, int], name: str) -> str:
    lines = [
        "# Sensitivity",
        "",
        "What metrics of generated media say to damage of growing severity, on real media cut into pieces; one half is",
        f"the reference, the other is damaged. Features: `{name}`,",
        "each in units of its spread over the reference. Made by `python -m tools.sensitivity --media DIR`.",
        "Levels stay where the written features can tell them apart: they are no published network, and come back",
        "towards the reference past half a sound of silence, and for films frozen to a still.",
        "Not shown for want of weights: CLIPScore, CLIPSIM and CLAP under wrong captions, and the published networks.",
        "",
        "![curves](sensitivity.png)",
        "",
        "| media | metric | damage | none | light | medium | severe | in order |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind, metrics in found.items():
        for metric, damages in metrics.items():
            for damage, numbers in damages.items():
                levels = "/".join(f"{level:g}" for level in DAMAGES[kind][damage][0])
                order = "yes" if all(a <= b for a, b in pairwise(numbers)) else "no"
                shown = " | ".join(f"{number:.3g}" for number in numbers)
                lines.append(f"| {kind}, {counts[kind]} | {metric} | {damage} {levels} | {shown} | {order} |")
    return "\n".join(lines) + "\n"


def plot(found: Mapping[MediaKind, dict[str, dict[str, list[float]]]], path: Path) -> None:
    figure = Figure(figsize=(10, 8), layout="constrained")
    axes = figure.subplots(3, 3)
    for row, (kind, metrics) in zip(axes, found.items(), strict=True):
        for cell, (metric, damages) in zip(row, metrics.items(), strict=True):
            for damage, numbers in damages.items():
                cell.plot(["none", "light", "medium", "severe"], numbers, marker="o", label=damage)
            cell.set_title(f"{kind}: {metric}", fontsize=9)
            cell.legend(fontsize=7)
    figure.savefig(path, dpi=80, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--embedder", default="world-handmade")
    parser.add_argument("--weights", type=Path)
    given = parser.parse_args()
    embedder = open_embedder(given.embedder, given.weights)
    readers: dict[MediaKind, Callable[[Path], Iterator[Any]]] = {"image": tiles, "video": films, "audio": sounds}
    pieces = {kind: list(read(given.media)) for kind, read in readers.items() if kind in embedder.prepare}
    media = {kind: chosen[:: -(-len(chosen) // MOST_PIECES[kind])] for kind, chosen in pieces.items()}
    found = {kind: curves(kind, chosen, embedder) for kind, chosen in media.items()}
    mpl.use("agg")
    plot(found, given.out / "sensitivity.png")
    counts: dict[str, int] = {kind: len(chosen) for kind, chosen in media.items()}
    (given.out / "sensitivity.md").write_text(report(found, counts, embedder.name))


if __name__ == "__main__":
    main()
