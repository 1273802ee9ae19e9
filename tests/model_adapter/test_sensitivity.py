"""tools.sensitivity: damage of known size, the verdict on a curve, and the whole command with a small CLIP."""

import json
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tools.damaged_media import DAMAGES, SHARES, clipped, dropped, moved, rendered, silenced
from tools.sensitivity import CAPTIONS, main, unit_of
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


@pytest.mark.parametrize(
    ("metric", "steps", "deviation", "verdict"),
    [
        ("Frechet distance", [1, 1, 1], 0.1, "yes"),
        ("Frechet distance", [1, 0.05, 1], 0.1, "within noise"),
        ("Frechet distance", [1, -0.05, 1], 0.1, "within noise"),
        ("Frechet distance", [1, -0.5, 1], 0.1, "no"),
        ("recall", [-1, -1, -1], 0.1, "yes"),
        ("recall", [1, 1, 1], 0.1, "no"),
        ("recall", [0, 0, 0], 0.0, "within noise"),
    ],
)
def test_a_step_counts_if_it_is_larger_than_its_deviation(
    metric: str, steps: list[float], deviation: float, verdict: str
) -> None:
    base = np.concatenate([[0.0], np.cumsum(steps)])
    sway = np.array([-1, 1, -1, 1]) * deviation * np.sqrt(3 / 4)  # of deviation 1 with one degree of freedom less
    values = base + np.outer(sway, np.arange(len(base)))
    assert Curve("real image", 8, metric, "blur", (1, 2, 4), values).order == verdict


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
