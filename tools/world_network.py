"""Train the small network that ships on rendered worlds, write its weights, and print held-out figures.

Usage: python -m tools.world_network [--scenes 4000] [--epochs 14] [--seed N] [--out FILE]

It sees only the looks, sounds, motions and meetings of the world's training split; the held-out figures are of the
other splits under another seed, by the written file and numpy. One core; same arguments and machine, same file.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from curation.sources.world.captions import oracle_caption, write_captions
from curation.sources.world.filming import render_mp4
from curation.sources.world.rendering import render_jpeg
from curation.sources.world.sampling import sample_scene
from curation.sources.world.scene import COLOURS, MOTIONS, SOUNDS, Scene, Split, split_of
from curation.sources.world.synthesis import render_wav
from model_adapter.embedders import world
from model_adapter.embedders.embedder import Array, Input
from shards.media import MediaKind

RENDERERS: Final = {"image": render_jpeg, "video": render_mp4, "audio": render_wav}
CLASSES: Final[Mapping[MediaKind, tuple[str, ...]]] = {"image": COLOURS, "video": MOTIONS, "audio": SOUNDS}
KERNELS: Final[Mapping[str, tuple[tuple[int, int, int, int], ...]]] = {
    "visual": ((32, 5, 6, 6), (64, 32, 3, 3), (96, 64, 3, 3), (128, 96, 3, 3)),
    "audio": ((64, 1, 5, 40), (96, 64, 5, 1), (128, 96, 5, 1)),
    "text": ((96, 48, 1, 3), (128, 96, 1, 3)),
}
PLACES: Final = {"visual.1": (15, 15)}
"""Layers whose bias differs from place to place, so that the network can tell where something is."""

D_WORD, D_JOINT, BATCH, PEAK_RATE = 48, 64, 128, 3e-3
ARTICLES: Final = frozenset(("a", "an", "the"))  # not worth a place among the 40 words
STEP: Final = 2 / 127  # planes are kept in 8 bits
Parameters = dict[str, Tensor]


class Examples(NamedTuple):
    """Of one kind of medium: planes [n, windows, ...] in steps of `STEP`, numbers of words [n, captions, 40], tags."""

    planes: Tensor
    texts: Tensor
    tags: Tensor


def scenes_of(seed: int, count: int, splits: Sequence[Split]) -> Iterator[Scene]:
    numbers = (number for number in itertools.count() if split_of(number) in splits)
    return (sample_scene(seed, number) for number in itertools.islice(numbers, count))


def tag_shares(scene: Scene, kind: MediaKind) -> list[float]:
    """Each class's share of what is seen of things, of the events of a film, or of the time in which sources sound."""
    parts: list[tuple[str, float]]
    match kind:
        case "image":
            parts = [(one.colour, one.visible_share * one.radius_px**2) for one in scene.things]
        case "video":
            parts = [(one.motion, 1.0) for one in scene.film.events]
        case "audio":
            parts = [(one.sound, one.repetitions * one.burst_s) for one in scene.soundscape.events]
    sums = [sum(share for name, share in parts if name == known) for known in CLASSES[kind]]
    return [one / sum(sums) for one in sums]


def rendered(scenes: Sequence[Scene], kind: MediaKind, words: Array) -> Examples:
    """Media and captions as the network takes them."""
    prepare = {"image": world.picture_planes, "video": world.film_planes, "audio": world.sound_planes}[kind]
    planes = (np.rint(prepare(RENDERERS[kind](scene)) / STEP).astype(np.int8) for scene in scenes)
    texts = [[world.word_numbers(one.encode(), words)[0] for one in write_captions(scene, kind)] for scene in scenes]
    stacked = torch.stack([torch.from_numpy(one) for one in planes])
    return Examples(stacked, torch.tensor(np.array(texts)), torch.tensor([tag_shares(one, kind) for one in scenes]))


def vocabulary(scenes: Sequence[Scene]) -> Array:
    """The words of all captions by the alphabet, without articles."""
    captions = (caption for scene in scenes for kind in CLASSES for caption in write_captions(scene, kind))
    return np.array(sorted({word for caption in captions for word in caption.split()} - ARTICLES))


def initial(n_words: int) -> Parameters:
    sizes: dict[str, tuple[int, ...]] = {"text.words": (n_words + 1, D_WORD)}
    for tower, kernels in KERNELS.items():
        for number, kernel in enumerate(kernels):
            layer = f"{tower}.{number}"
            sizes |= {f"{layer}.weight": kernel, f"{layer}.bias": (kernel[0], *PLACES.get(layer, (1, 1)))}
    for kind, tower in world.TOWERS.items():
        heads = {"joint": D_JOINT} | ({} if kind == "text" else {"tags": len(CLASSES[kind])})
        for head, width in heads.items():
            sizes |= {f"{kind}.{head}.weight": (2 * KERNELS[tower][-1][0], width), f"{kind}.{head}.bias": (width,)}
    made = {name: torch.zeros(size) if name.endswith("bias") else torch.randn(size) for name, size in sizes.items()}
    for name, one in made.items():
        if name.endswith("weight"):
            one *= (one[0].numel() if one.ndim == 4 else len(one)) ** -0.5
    layers = {name.removesuffix(".bias"): len(one) for name, one in made.items() if one.ndim == 3}
    made |= {f"{layer}.gain": torch.ones(width) for layer, width in layers.items()}
    made |= {f"{kind}.scale": torch.tensor(2.5) for kind in CLASSES}
    made = {name: one.requires_grad_() for name, one in made.items()}
    made |= {f"{layer}.mean": torch.zeros(width) for layer, width in layers.items()}
    return made | {f"{layer}.variance": torch.ones(width) for layer, width in layers.items()}


def summary(weights: Parameters, tower: str, given: Tensor) -> Tensor:
    """What `world.summary` computes, of a batch, [b, 2 * channels]; until they are folded, layers are normalised."""
    planes = weights["text.words"][given].transpose(1, 2)[:, :, None] if tower == "text" else given
    for number, step in enumerate(world.STEPS[tower]):
        layer = f"{tower}.{number}"
        planes = functional.conv2d(planes, weights[f"{layer}.weight"], stride=step)
        if f"{layer}.gain" in weights:
            seen = weights[f"{layer}.mean"], weights[f"{layer}.variance"]
            planes = functional.batch_norm(planes, *seen, weights[f"{layer}.gain"], training=True, momentum=0.02)
        planes = functional.relu(planes + weights[f"{layer}.bias"].to(planes.dtype))
    return torch.cat([planes.mean(dim=(2, 3)), planes.amax(dim=(2, 3))], dim=1).float()


def folded(weights: Parameters) -> Parameters:
    """The same network with the means and spreads that batches had as part of its weights and biases."""
    made = {name: one.detach() for name, one in weights.items() if not name.endswith("scale")}
    for layer in [name.removesuffix(".gain") for name in weights if name.endswith("gain")]:
        scale = made.pop(f"{layer}.gain") / (made.pop(f"{layer}.variance") + 1e-5).sqrt()
        made[f"{layer}.weight"] = made[f"{layer}.weight"] * scale[:, None, None, None]
        made[f"{layer}.bias"] = made[f"{layer}.bias"] - (made.pop(f"{layer}.mean") * scale)[:, None, None]
    return made


def headed(weights: Mapping[str, Tensor], kind: Input, head: str, rows: Tensor) -> Tensor:
    made = rows @ weights[f"{kind}.{head}.weight"] + weights[f"{kind}.{head}.bias"]
    return functional.normalize(made, dim=-1) if head == "joint" else made


def summaries(weights: Parameters, batch: Mapping[MediaKind, Examples]) -> dict[str, Tensor]:
    """Of media [b, windows, channels], and under "KIND text" of texts [b, channels]; each tower sees all at once."""
    windows = {kind: one.planes.flatten(0, 1).to(torch.bfloat16) * STEP for kind, one in batch.items()}
    pictures = torch.cat([windows["image"], windows["video"]]).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        visual = summary(weights, "visual", pictures)
        heard = summary(weights, "audio", windows["audio"])
        texts = summary(weights, "text", torch.cat([one.texts for one in batch.values()]))
    n_images = len(windows["image"])
    rows = {"image": visual[:n_images], "video": visual[n_images:], "audio": heard}
    made = {kind: rows[kind].view(*one.planes.shape[:2], -1) for kind, one in batch.items()}
    return made | {f"{kind} text": one for kind, one in zip(batch, texts.chunk(len(batch)), strict=True)}


def losses(weights: Parameters, batch: Mapping[MediaKind, Examples]) -> Tensor:
    """By kind: contrast of media and their texts with the others of the batch, both ways; cross-entropy of tags."""
    made, found = summaries(weights, batch), []
    for kind, examples in batch.items():
        media = headed(weights, kind, "joint", made[kind]).mean(dim=1)
        texts = headed(weights, "text", "joint", made[f"{kind} text"])
        cosines = weights[f"{kind}.scale"].clamp(max=4.0).exp() * media @ texts.T  # [b, b]
        pairs = torch.arange(len(cosines))
        contrast = functional.cross_entropy(cosines, pairs) + functional.cross_entropy(cosines.T, pairs)
        tags = headed(weights, kind, "tags", made[kind]).mean(dim=1)
        found.append(contrast + functional.cross_entropy(tags, examples.tags))
    return torch.stack(found)


def train(weights: Parameters, examples: Mapping[MediaKind, Examples], *, epochs: int) -> None:
    count = len(examples["image"].texts) // BATCH * BATCH
    optimizer = torch.optim.AdamW(
        [one for one in weights.values() if one.requires_grad], lr=PEAK_RATE, weight_decay=1e-3
    )
    steps = epochs * count // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=PEAK_RATE, total_steps=steps, pct_start=0.15)
    for epoch in range(epochs):
        for chosen in torch.randperm(len(examples["image"].texts))[:count].view(-1, BATCH):
            loss = losses(weights, {kind: drawn(one, chosen) for kind, one in examples.items()})
            optimizer.zero_grad()
            torch.autograd.backward(loss.sum())
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch}: losses {loss.tolist()}", file=sys.stderr, flush=True)  # noqa: T201


def drawn(examples: Examples, chosen: Tensor) -> Examples:
    """The chosen examples, each with one caption; of a film four of the eight frames."""
    n_windows = examples.planes.shape[1]
    windows = torch.randperm(n_windows)[: max(1, n_windows // 2)]
    captions = torch.randint(examples.texts.shape[1], (len(chosen),))
    return Examples(examples.planes[chosen][:, windows], examples.texts[chosen, captions], examples.tags[chosen])


def held_out(path: Path, scenes: Sequence[Scene]) -> Iterator[str]:
    """Captions that find their medium among 100, and media whose first tag is a true first one, in percent."""
    joint, tags = (world.world(path, head=head) for head in ("joint", "tags"))
    for kind in CLASSES:
        media = [joint.prepare[kind](RENDERERS[kind](scene)) for scene in scenes]
        texts = [joint.prepare["text"](oracle_caption(scene, kind).encode()) for scene in scenes]
        rows = np.stack([joint.run(kind, one).mean(axis=0) for one in media])
        cosines = joint.run("text", np.concatenate(texts)) @ rows.T  # [texts, media]
        ranks = [
            int((cosines[number, start : start + 100] > cosines[number, number]).sum())
            for start in range(0, len(scenes), 100)
            for number in range(start, min(start + 100, len(scenes)))
        ]
        found = [int(tags.run(kind, one).mean(axis=0).argmax()) for one in media]
        true = [tag_shares(scene, kind) for scene in scenes]
        right = np.mean([shares[tag] == max(shares) for tag, shares in zip(found, true, strict=True)])
        first, tenth = (100 * np.mean([rank < top for rank in ranks]) for top in (1, 10))
        apart = cosines.diagonal().mean() - (cosines.sum() - cosines.trace()) / (cosines.size - len(cosines))
        yield f"{kind}: recall@1 {first:.1f}, @10 {tenth:.1f}, tags {100 * right:.1f}, true - other cosine {apart:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=7_340_000)
    parser.add_argument("--out", type=Path, default=world.SHIPPED)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    scenes = list(scenes_of(options.seed, options.scenes, ("train",)))
    words = vocabulary(scenes)
    weights = initial(len(words))
    train(weights, {kind: rendered(scenes, kind, words) for kind in CLASSES}, epochs=options.epochs)
    arrays: dict[str, Array] = {name: one.numpy().astype(np.float16) for name, one in folded(weights).items()}
    arrays |= {"words": words} | {f"{kind}.classes": np.array(names) for kind, names in CLASSES.items()}
    np.savez(options.out, allow_pickle=False, **arrays)
    for line in held_out(options.out, list(scenes_of(options.seed + 1, 400, ("val", "test")))):
        print(line)  # noqa: T201


if __name__ == "__main__":
    main()
