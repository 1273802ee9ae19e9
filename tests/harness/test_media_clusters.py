"""What counts as one item where a medium has several rows or several texts, from folders to results."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from evals.benchmarks.item import Workspace
from evals.benchmarks.made_media import RealMedium
from evals.benchmarks.media_scores import JUDGES, Panel, score_media
from evals.harness.generation import generation, score_sets
from evals.harness.media_sets import embed_media
from evals.metrics.feature_sets import FeatureSet
from evals.metrics.gaussians import FeatureStatistics
from evals.results import Metric, Unscored
from model_adapter.embedders import Embedder
from shards.draft import HeldBytes
from shards.errors import MediaError
from shards.media import MediaKind
from tests.factories import png

RNG = np.random.default_rng(0)


def rows_of(content: bytes) -> np.ndarray:
    if not content:
        raise MediaError("medium", expected="numbers", found="nothing")
    return np.frombuffer(content).reshape(-1, 2)


def network(kind: MediaKind) -> Embedder:
    """The bytes of a medium are its rows."""
    known = {"name": "rows", "weights": "1", "preprocessing": "none@1", "by_window": frozenset({kind})}
    return Embedder(**known, prepare={kind: rows_of}, run=lambda _, rows: rows)


def written(folder: Path, media: Sequence[np.ndarray]) -> Path:
    folder.mkdir()
    for number, rows in enumerate(media):
        (folder / f"{number:03}.wav").write_bytes(rows.tobytes())
    return folder


def embedded(folder: Path, media: Sequence[np.ndarray]) -> FeatureSet:
    return embed_media(written(folder, media), network("audio"), "audio").features


def repeated(media: np.ndarray, times: int) -> list[np.ndarray]:
    return [np.repeat(row[None], times, axis=0) for row in media]


def width_of(one: Metric) -> float:
    assert one.interval is not None
    return one.interval.high - one.interval.low


def test_seconds_of_sounds_are_no_items(tmp_path: Path) -> None:
    x, y = RNG.standard_normal((2, 60, 2))
    once = embedded(tmp_path / "x1", repeated(x, 1)), embedded(tmp_path / "y1", repeated(y, 1))
    eightfold = embedded(tmp_path / "x8", repeated(x, 8)), embedded(tmp_path / "y8", repeated(y, 8))
    single, several = (score_sets("fad", *sides, embedder="rows") for sides in (once, eightfold))
    assert (several.primary.n, len(eightfold[0].array)) == (60, 480)
    for name, one in single.result("").metrics.items():
        assert width_of(several.result("").metrics[name]) == pytest.approx(width_of(one), rel=0.05)
    (tmp_path / "x8" / "empty.wav").write_bytes(b"")
    (tmp_path / "x8" / "half.wav").write_bytes(np.array([[0.0, 1.0], [np.nan, 1.0]]).tobytes())
    broken = embed_media(tmp_path / "x8", network("audio"), "audio").features
    assert (broken.n, broken.reasons) == (62, {"unreadable_media": 1, "not_finite": 1})
    assert score_sets("fad", broken, eightfold[1], embedder="rows").primary.value == several.primary.value


def test_texts_of_one_picture_are_one_cluster(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "green")):
        (tmp_path / "made" / f"{name}.png").write_bytes(png(24, 24, colour))
    told = "file,caption\nb.png,a blue thing\na.png,a red thing\nb.png,the sky\n"
    (tmp_path / "texts.csv").write_text(told)
    scored = generation("clipscore", tmp_path / "made", tmp_path / "texts.csv", embedder="world-joint")
    assert [(row.id, row.cluster) for row in scored.rows] == [("0", "b.png"), ("1", "a.png"), ("2", "b.png")]
    (tmp_path / "texts.csv").write_text("file,caption\nb.png,a blue thing\nb.png,the sky\n")
    alone = generation("clipscore", tmp_path / "made", tmp_path / "texts.csv", embedder="world-joint").result
    assert (alone.n, alone.interval) == (2, None)  # the spread of one picture cannot be known


def panel_of(kind: MediaKind, metric: str, folder: Path, real: Sequence[np.ndarray]) -> Panel:
    judge = next(one for one in JUDGES if (one.kind, one.metric) == (kind, metric))
    statistics = FeatureStatistics.of(embedded(folder / "real", real))
    return Panel((judge,), Workspace(folder), {judge.network: network(kind)}, {judge: statistics})


def scores(panel: Panel, kind: MediaKind, made: Sequence[np.ndarray]) -> Metric:
    names: list[str | Unscored] = [f"made{number}" for number in range(len(made))]
    for name, rows in zip(names, made, strict=True):
        (panel.workspace.run / str(name)).write_bytes(rows.tobytes())
    asked = [RealMedium(kind, HeldBytes(b""), "", False)] * (len(made) + 1)
    return score_media(panel, asked, [*names, Unscored("refusal")], seed=0).metrics[panel.judges[0].metric]


def test_frames_of_made_films_are_no_items(tmp_path: Path) -> None:
    x, y = RNG.standard_normal((2, 40, 2))
    panel = panel_of("video", "fid", tmp_path, repeated(y, 8))
    found = [scores(panel, "video", repeated(x, n)) for n in (1, 8)]
    assert [one.n for one in found] == [41, 41]
    assert width_of(found[1]) == pytest.approx(width_of(found[0]), rel=0.05)


def test_a_score_of_too_few_items_says_so(tmp_path: Path) -> None:
    panel = panel_of("audio", "inception_score", tmp_path, RNG.standard_normal((3, 1, 2)))
    few = scores(panel, "audio", RNG.standard_normal((9, 1, 2)))
    assert (few.value, few.n, few.unscored) == (None, 10, {"refusal": 1, "too_few_items": 9})
    enough = scores(panel, "audio", RNG.standard_normal((10, 1, 2)))
    assert enough.value is not None
    assert enough.unscored == {"refusal": 1}


@pytest.mark.parametrize("clusters", [["a", "b"] * 40, [""] * 80])
def test_turns_of_a_dialogue_are_drawn_together(tmp_path: Path, clusters: Sequence[str]) -> None:
    """Equal halves in two clusters: what is drawn of them cannot differ; each alone, it does."""
    panel = panel_of("audio", "kl", tmp_path, RNG.standard_normal((3, 1, 2)))
    made = np.repeat(RNG.standard_normal((40, 1, 2)), 2, axis=0)
    names: list[str | Unscored] = [f"made{number}" for number in range(80)]
    for name, rows in zip(names, made, strict=True):
        (tmp_path / str(name)).write_bytes(rows.tobytes())
    asked = [RealMedium("audio", HeldBytes(np.zeros((1, 2)).tobytes()), "", False, one) for one in clusters]
    found = score_media(panel, asked, names, seed=0).metrics["kl"]
    assert width_of(found) == pytest.approx(0, abs=1e-12) if clusters[0] else width_of(found) > 0.01
