"""tools.sensitivity: damage of known size, the verdict on a curve, and the whole command with a small CLIP."""

import io
import json
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
import soundfile

from curation.sources.world.sampling import sample_scene
from curation.sources.world.scene import SOUNDS, split_of
from evals.metrics.feature_sets import feature_set
from evals.metrics.inception_score import score_inception
from tools.damaged_media import DAMAGES, SHARES, WORLD_SEED, Medium, clipped, dropped, moved, rendered, silenced
from tools.sensitivity import CAPTIONS, curves, main, unit_of
from tools.sensitivity_page import Curve

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("share", [0.0, 1 / 16, 0.25, 0.5, 1.0])
def test_shares_of_frames_and_texts_are_as_told(share: float) -> None:
    order = moved(32, share, RNG)
    assert sorted(order) == list(range(32))
    assert (order != np.arange(32)).sum() == 32 * share
    if share <= 0.5:
        frames = np.arange(32, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
        shown = dropped(frames, share, RNG)[:, 0, 0, 0].tolist()
        assert len(set(shown)) == 32 - 32 * share
        assert shown == sorted(shown)
        assert all(one <= place for place, one in enumerate(shown))


def test_sounds_lose_what_the_level_says() -> None:
    sound = np.sin(np.arange(1600, dtype=np.float32))
    assert (silenced((sound, 16_000), 0.25, RNG)[0] == 0).sum() == 400
    loud = clipped((sound, 16_000), 1.0, RNG)[0]
    loudest = np.abs(sound).max()
    np.testing.assert_allclose(loud, np.sign(sound) * np.minimum(2 * np.abs(sound), loudest), atol=1e-6)


def test_levels_double() -> None:
    for damages in DAMAGES.values():
        for damage in damages.values():
            steps = np.array(damage.levels[1:]) / np.array(damage.levels[:-1])
            np.testing.assert_allclose(steps, 2)
    assert max(SHARES) == 0.5


def test_stronger_damage_holds_the_weaker_one() -> None:
    """Noise doubles, frames that are shown after a loss are fewer of the same, and texts once moved are never true."""
    seen: list[np.ndarray] = []

    def embed(kind: str, content: bytes) -> np.ndarray:
        seen.append(soundfile.read(io.BytesIO(content), dtype="float32")[0])
        return np.zeros((1, 2))

    sounds = [Medium((np.sin(np.arange(800, dtype=np.float32) * one), 16_000)) for one in (1, 2, 3)]
    curves("classes", "real", "audio", sounds, SimpleNamespace(embed=embed, name="stub"))  # type: ignore[arg-type]
    levels = np.array(seen).reshape(-1, 3, 800)  # clean, then four levels of each damage
    hiss = levels[1 + 4 * list(DAMAGES["audio"]).index("hiss, of the sound") :][:4] - levels[0]
    np.testing.assert_allclose(hiss[1:], 2 * hiss[:-1], atol=1e-6)
    assert abs(np.corrcoef(hiss[0])[0, 1]) < 0.2  # but each medium has its own
    frames = np.arange(32, dtype=np.uint8)
    for weak, strong in pairwise(SHARES):
        few, many = (set(dropped(frames, share, np.random.default_rng(3)).tolist()) for share in (weak, strong))
        assert many < few
        orders = [moved(32, share, np.random.default_rng(3)) != np.arange(32) for share in (weak, strong)]
        assert (orders[0] <= orders[1]).all()


@pytest.mark.parametrize(
    ("metric", "steps", "deviation", "verdict"),
    [
        ("Frechet distance", [1, 1, 1], 0.1, "yes"),
        ("Frechet distance", [1, 0.08, 1], 0.1, "on average (2)"),
        ("Frechet distance", [1, 0.04, 1], 0.1, "within noise (2)"),
        ("Frechet distance", [1, -0.04, 1], 0.1, "within noise (2)"),
        ("Frechet distance", [-0.06, 0.04, -0.5], 0.1, "no (1, 3)"),
        ("recall", [-1, -1, -1], 0.1, "yes"),
        ("recall", [1, 1, 1], 0.1, "no (1, 2, 3)"),
        ("recall", [0, 0, 0], 0.0, "within noise (1, 2, 3)"),
    ],
)
def test_a_step_is_weighed_by_its_deviation_and_by_its_standard_error(
    metric: str, steps: list[float], deviation: float, verdict: str
) -> None:
    base = np.concatenate([[0.0], np.cumsum(steps)])
    sway = np.tile([-1, 1], 8) * deviation * np.sqrt(15 / 16)  # of deviation 1 with one degree of freedom less
    values = base + np.outer(sway, np.arange(len(base)))  # a mean over 16 splits errs by a quarter of the deviation
    assert Curve("real image", 8, metric, "blur", (1, 2, 4), values).order == verdict


def test_the_inception_score_of_the_truth_rises_with_silence() -> None:
    """As docs/sensitivity.md says: by what still sounds, from the scenes' facts, without any network."""
    numbers = [number for number in range(1500) if split_of(number) == "test"]
    sounds = [sample_scene(WORLD_SEED, number).soundscape for number in numbers]
    scores = []
    for share in (0.0, *SHARES):
        heard = np.full((len(sounds), len(SOUNDS)), 1e-9)  # where nothing sounds, each class is as likely
        for row, sound in zip(heard, sounds, strict=True):
            for event in sound.events:
                ends_s = event.start_s + event.burst_s + np.arange(event.repetitions) * (event.burst_s + event.gap_s)
                left_s = (ends_s - share * sound.duration_s).clip(0, event.burst_s)
                row[SOUNDS.index(event.sound)] += left_s.sum()
        scores.append(score_inception(feature_set(np.log(heard)), splits=1).primary.value)
    assert (np.diff(np.array(scores, float)) > 0).all()
    np.testing.assert_allclose([scores[0], scores[-1]], [5.2, 7.6], atol=0.05)  # type: ignore[arg-type]


def test_written_features_get_nearly_equal_spreads() -> None:
    rows = RNG.standard_normal((4000, 3)) * [1, 100, 0.01] + [5, 0, 1]
    scaled = unit_of([one[None] for one in rows])(rows)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.var(axis=0), 1 / 1.3, rtol=0.1)  # axes of variance 1, divided by 1 + 0.3


def test_rendered_scenes_have_true_captions_of_their_own() -> None:
    assert len({one.caption for one in rendered("audio", 6)}) == 6


def test_any_network_of_the_table_can_be_asked(folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pairs" / "images").mkdir(parents=True)
    rows = []
    for number in range(10):
        pixels = RNG.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).resize((160, 120)).save(tmp_path / "pairs" / "images" / f"{number}.jpg")
        rows.append({"image_name": f"{number}.jpg", "caption": f"picture number {number}"})
    rows.append({"image_name": "absent.jpg", "caption": "nothing"})
    (tmp_path / "pairs" / "cc3m.json").write_text(json.dumps(rows))
    weights = ["--embedder", "clip-b32", "--weights", str(folders / "clip-b32")]
    command = ["sensitivity", "--media", str(tmp_path), "--out", str(tmp_path / "out"), "--most", "16", *weights]
    monkeypatch.setattr(sys, "argv", command)
    main()
    assert (tmp_path / "out" / "sensitivity.png").read_bytes().startswith(b"\x89PNG")
    lines = [line.split(" | ") for line in (tmp_path / "out" / "sensitivity.md").read_text().splitlines()]
    table = [(row[0], row[1]) for row in lines if row[0].startswith("| real")]
    distances = [("| real image, 16", one) for one in ("Frechet distance", "kernel distance", "precision", "recall")]
    assert set(table) == {*distances, ("| real image, 10", "CLIPScore")}
    assert [row[1] for row in lines if len(row) > 2 and row[2].startswith(CAPTIONS)] == ["CLIPScore"]
