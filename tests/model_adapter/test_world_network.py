"""The network that ships: it knows which caption is whose, hears and sees what it should, and is numpy alone."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from curation.sources.world import Scene, oracle_caption
from curation.sources.world.filming import film_frames, render_mp4
from curation.sources.world.rendering import render_jpeg
from curation.sources.world.sampling import sample_scene
from curation.sources.world.scene import split_of
from curation.sources.world.synthesis import render_wav
from evals.harness.generation import generation
from evals.metrics.tagger_kl import tagger_divergences
from model_adapter.embedders import open_embedder
from model_adapter.embedders.embedder import Embedder, Input
from model_adapter.embedders.world import SHIPPED, TOWERS, read_weights, summary
from shards.errors import MediaError
from shards.media import MediaKind
from tests.factories import mp4

KINDS: tuple[MediaKind, ...] = ("image", "video", "audio")
RENDER: dict[MediaKind, Callable[[Scene], bytes]] = {"image": render_jpeg, "video": render_mp4, "audio": render_wav}
SEED = 90_210  # neither the network's, nor a demo's


@pytest.fixture(scope="module")
def joint() -> Embedder:
    return open_embedder("world-joint")


@pytest.fixture(scope="module")
def tags() -> Embedder:
    return open_embedder("world-tags")


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    """Forty scenes of looks, motions and sounds in meetings that the training never saw."""
    return [sample_scene(SEED, number) for number in range(100) if split_of(number) != "train"]


@pytest.fixture(scope="module")
def media(scenes: list[Scene]) -> dict[MediaKind, list[bytes]]:
    return {kind: [RENDER[kind](scene) for scene in scenes] for kind in KINDS}


def folder_of(path: Path, kind: MediaKind, contents: list[bytes]) -> Path:
    path.mkdir()
    for number, content in enumerate(contents):
        (path / f"{number:03}.{ {'image': 'jpg', 'video': 'mp4', 'audio': 'wav'}[kind] }").write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("metric", "kind", "scale", "margin"),
    [("clipscore", "image", 2.5, 0.26), ("clipsim", "video", 1.0, 0.24), ("clap", "audio", 1.0, 0.37)],
)
def test_true_captions_score_higher_than_shuffled_ones(
    metric: str, kind: MediaKind, scale: float, margin: float, scenes: list[Scene], media: dict, tmp_path: Path
) -> None:
    """On 400 held-out scenes true captions lie 0.52, 0.49 and 0.75 above others; half of that is asked for."""
    folder = folder_of(tmp_path / "media", kind, media[kind])
    captions = [oracle_caption(scene, kind) for scene in scenes]
    values = []
    for number, texts in enumerate((captions, captions[1:] + captions[:1])):
        lines = [f"{path.name},{text}\n" for path, text in zip(sorted(folder.iterdir()), texts, strict=True)]
        (tmp_path / f"{number}.csv").write_text("file,caption\n" + "".join(lines))
        result = generation(metric, folder, tmp_path / f"{number}.csv", embedder="world-joint").result  # type: ignore[arg-type]
        assert (result.n, result.unscored) == (40, {})
        values.append(result.value)
    assert values[0] > values[1] + margin * scale


@pytest.mark.parametrize("kind", KINDS)
def test_varied_media_have_a_higher_inception_score_than_one_repeated(
    kind: MediaKind, media: dict, tmp_path: Path
) -> None:
    varied = generation("is", folder_of(tmp_path / "varied", kind, media[kind]), None, embedder="world-tags")
    repeated = generation("is", folder_of(tmp_path / "one", kind, media[kind][:1] * 40), None, embedder="world-tags")
    assert repeated.result.value == pytest.approx(1.0)  # exp of no divergence
    assert varied.result.value > 1.1


@pytest.mark.parametrize(("kind", "least"), [("image", 0.65), ("video", 0.3), ("audio", 0.6)])
def test_first_tags_are_true(kind: MediaKind, least: float, scenes: list[Scene], media: dict, tags: Embedder) -> None:
    """On 400 held-out scenes 84, 51 and 81 % are; chance is one in 8, 10 and 12 classes."""
    from tools.world_network import tag_shares

    found = [int(tags.embed(kind, one).mean(axis=0).argmax()) for one in media[kind]]
    true = [tag_shares(scene, kind) for scene in scenes]
    assert np.mean([shares[tag] == max(shares) for tag, shares in zip(found, true, strict=True)]) > least


def test_a_sound_has_the_tags_of_itself(media: dict, tags: Embedder, tmp_path: Path) -> None:
    logits = np.concatenate([tags.embed("audio", one) for one in media["audio"]])
    assert np.abs(tagger_divergences(logits, logits)).max() < 2e-5  # the published 1e-6 beside each of 12 posteriors
    assert tagger_divergences(logits[1:], logits[:-1]).mean() > 1
    folder = folder_of(tmp_path / "sounds", "audio", media["audio"])
    assert generation("kl", folder, folder, embedder="world-tags").result.value == pytest.approx(0, abs=2e-5)


def test_a_film_is_one_item_of_a_distance(media: dict, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "films", "video", media["video"][:12])
    assert generation("fvd", folder, folder, embedder="world-joint").result.n == 12


def test_motion_is_seen(scenes: list[Scene], joint: Embedder) -> None:
    """The same eight pictures backwards, or the first eight times, are farther than noise of four grey levels."""

    def change(other: Callable[[np.ndarray], np.ndarray]) -> float:
        films = [np.stack(film_frames(scene)[4:20:2]) for scene in scenes[:8]]
        pairs = [[joint.embed("video", mp4(one)).mean(axis=0) for one in (film, other(film))] for film in films]
        return float(np.mean([np.linalg.norm(one - two) for one, two in pairs]))

    rng = np.random.default_rng(0)
    noise = change(lambda film: (film + rng.normal(0, 4, film.shape)).clip(0, 255).astype(np.uint8))
    assert change(lambda film: film[::-1]) > 1.5 * noise
    assert change(lambda film: film[:1].repeat(8, axis=0)) > 3 * noise


def test_numpy_computes_what_the_trained_network_does(joint: Embedder, tags: Embedder, media: dict) -> None:
    import torch

    from tools import world_network

    weights = read_weights(SHIPPED)
    tensors = {name: torch.from_numpy(one) for name, one in weights.items() if one.dtype == np.float32}
    inputs: dict[Input, bytes] = {kind: media[kind][0] for kind in KINDS} | {"text": b"a red star moves left"}
    for kind, content in inputs.items():
        windows = joint.prepare[kind](content)
        rows = world_network.summary(tensors, TOWERS[kind], torch.from_numpy(windows))
        assert np.abs(np.stack([summary(weights, kind, one) for one in windows]) - rows.numpy()).max() < 1e-5
        for head, embedder in {"joint": joint, "tags": tags}.items():
            if kind in embedder.prepare:
                expected = world_network.headed(tensors, kind, head, rows).numpy()
                assert np.abs(embedder.run(kind, windows) - expected).max() < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_features_hang_on_the_bytes_alone(kind: MediaKind, media: dict, joint: Embedder) -> None:
    contents = media[kind][:6]
    alone = [joint.embed(kind, content) for content in contents]
    together = joint.run(kind, np.concatenate([joint.prepare[kind](content) for content in contents]))
    assert np.array_equal(np.concatenate(alone), together)
    assert np.array_equal(joint.embed(kind, contents[0]), alone[0])
    assert len({one.tobytes() for one in alone}) == 6
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    assert alone[0].shape == (8 if kind == "video" else 1, 64)


def test_words_that_it_does_not_know_are_ignored(joint: Embedder) -> None:
    known = joint.embed("text", b"red star")
    assert np.array_equal(joint.embed("text", "A photo depicts: a RED xyzzy star, été!".encode()), known)
    assert not np.array_equal(joint.embed("text", b"star red"), known)
    nothing = joint.embed("text", b"xyzzy")
    assert np.array_equal(nothing, joint.embed("text", b""))
    assert np.linalg.norm(nothing) == pytest.approx(1, abs=1e-6)
    assert joint.embed("text", b"star " * 50).shape == (1, 64)


def test_long_sounds_are_windows_of_five_seconds(joint: Embedder) -> None:
    seconds = np.arange(16_000 * 65) / 16_000
    file = io.BytesIO()
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * 440 * seconds), 16_000, format="WAV")
    planes = joint.prepare["audio"](file.getvalue())
    assert planes.shape == (12, 1, 247, 40)  # (80 000 - 1024) // 320 + 1 spectra in each of twelve windows
    band = int(planes[0, 0].mean(axis=0).argmax())
    edges_hz = np.geomspace(360, 8000, 41)[band : band + 2] - 300
    assert edges_hz[0] - 16 < 440 < edges_hz[1] + 16  # a bin is 15.6 Hz wide


@pytest.mark.parametrize("kind", KINDS)
def test_broken_media_are_refused(kind: MediaKind, media: dict, joint: Embedder, tags: Embedder) -> None:
    others = [media[other][0] for other in KINDS if other != kind]
    for embedder in (joint, tags):
        for broken in (b"", b"nothing", media[kind][0][:40], *others):
            with pytest.raises(MediaError):
                embedder.embed(kind, broken)
    if kind == "audio":
        file = io.BytesIO()
        soundfile.write(file, np.full(100, np.nan, dtype=np.float32), 16_000, format="WAV", subtype="FLOAT")
        with pytest.raises(MediaError, match="nan or infinity"):
            joint.embed("audio", file.getvalue())


def test_it_ships_small_and_needs_no_torch() -> None:
    assert SHIPPED.stat().st_size < 2**20
    code = (
        "import sys; from model_adapter.embedders import open_embedder;"
        "open_embedder('world-joint').embed('text', b'a star'); open_embedder('world-tags');"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_its_classes_are_the_worlds() -> None:
    from curation.sources.world.scene import COLOURS, MOTIONS, SOUNDS

    weights = read_weights(SHIPPED)
    for kind, names in {"image": COLOURS, "video": MOTIONS, "audio": SOUNDS}.items():
        assert tuple(weights[f"{kind}.classes"].tolist()) == names
        assert weights[f"{kind}.tags.bias"].shape == (len(names),)
        assert kind in TOWERS


def test_training_is_repeatable_and_its_normalisation_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch.nn import functional

    from tools import world_network

    monkeypatch.setattr(world_network, "BATCH", 4)
    scenes = list(world_network.scenes_of(SEED, 8, ("train",)))
    words = world_network.vocabulary(scenes)
    examples = {kind: world_network.rendered(scenes, kind, words) for kind in KINDS}

    def trained() -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        weights = world_network.initial(len(words))
        world_network.train(weights, examples, epochs=4)
        return weights

    first, second = trained(), trained()
    assert all(torch.equal(first[name], second[name]) for name in first)
    planes = examples["audio"].planes[:, 0].float()
    expected = functional.conv2d(planes, first["audio.0.weight"], stride=(2, 1))
    seen = first["audio.0.mean"], first["audio.0.variance"], first["audio.0.gain"]
    expected = functional.batch_norm(expected, *seen, training=False) + first["audio.0.bias"]
    folded = world_network.folded(first)
    found = functional.conv2d(planes, folded["audio.0.weight"], stride=(2, 1)) + folded["audio.0.bias"]
    assert not any(name.endswith(("gain", "mean", "variance", "scale")) for name in folded)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)
