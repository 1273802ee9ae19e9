"""CLIPScore, CLIPSIM, CLAP score over embeddings: scales, clipping, frames, what cannot be scored."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import astuple

from evals.errors import EvalsError
from evals.metrics.feature_sets import Features, feature_set
from evals.metrics.similarity import SimilarityName, cosines, score_similarity
from evals.results import Scored


def at(*cosine: float) -> Features:
    """Vectors of several lengths with these cosines to (1, 0)."""
    angles = np.arccos(cosine)
    return np.column_stack([np.cos(angles), np.sin(angles)]) * np.arange(1, len(cosine) + 1)[:, None]


def score(name: SimilarityName, generated: Features, texts: Features | None = None) -> Scored:
    texts = np.tile([3.0, 0.0], (len(generated), 1)) if texts is None else texts
    return score_similarity(feature_set(generated), feature_set(texts), name)


@pytest.mark.parametrize(
    ("name", "mixed", "low"),
    [  # the reference's own example: +0.5 and -0.3
        ("clipscore", 2.5 * 0.25, 0.0),
        ("clipscore_torchmetrics", 10.0, 0.0),
        ("clipsim", 0.1, -0.4),
        ("clap", 0.1, -0.4),
    ],
)
def test_scale_and_clipping(name: SimilarityName, mixed: float, low: float) -> None:
    assert score(name, at(0.5, -0.3)).primary.value == pytest.approx(mixed, rel=1e-12)
    assert score(name, at(-0.5, -0.3)).primary.value == pytest.approx(low, rel=1e-12)
    assert score(name, at(0.5)).primary.protocol.endswith("/features")


def test_clipsim_is_the_mean_of_cosines_over_frames() -> None:
    frames = np.stack([at(0.2, 0.6), at(1.0, -0.4)])  # [2, frames, 2]
    scored = score("clipsim", frames)
    assert [row.value for row in scored.rows] == pytest.approx([0.4, 0.3], rel=1e-12)
    assert scored.primary.value == pytest.approx(0.35, rel=1e-12)
    joined = frames.mean(axis=1) @ [1, 0] / np.linalg.norm(frames.mean(axis=1), axis=1)
    assert abs(joined.mean() - 0.35) > 0.01


@pytest.mark.parametrize("scale", [1e-300, 1e-20, 1e20, 1e300])
def test_length_does_not_matter(scale: float) -> None:
    assert cosines(at(0.25) * scale, np.array([[scale, 0]])) == pytest.approx([0.25], rel=1e-12)


@pytest.mark.parametrize("texts", [np.ones((2, 8)), np.ones((4, 4)), np.ones(8), np.ones((4, 1, 8))])
def test_cosines_are_of_pairs(texts: Features) -> None:
    with pytest.raises(EvalsError, match=r"a text embedding \[n, d\] for each generated item, found shapes"):
        cosines(np.ones((4, 8)), texts)


def test_blocks_agree_with_the_formula_in_any_order() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 1300, 8)).astype(np.float32)
    expected = (x * y).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    assert cosines(x, y) == pytest.approx(expected, abs=1e-6)
    order = rng.permutation(1300)
    values = [score("clap", *pair).primary.value for pair in ((x, y), (x[order], y[order]))]
    assert values[0] == pytest.approx(values[1], rel=1e-12)


def test_texts_of_one_medium_are_drawn_together() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 60, 4))
    names = [f"{number:02}.png" for number in range(60)]
    once, twice = feature_set(x), feature_set(np.tile(x, (2, 1)))
    alone = score_similarity(replace(once, clusters=names), feature_set(y), "clipscore")
    shared = score_similarity(replace(twice, clusters=names * 2), feature_set(np.tile(y, (2, 1))), "clipscore")
    assert (alone.primary.n, shared.primary.n) == (60, 120)
    assert shared.primary.value == pytest.approx(alone.primary.value, rel=1e-12)
    assert alone.primary.interval is not None
    assert shared.primary.interval is not None
    assert astuple(shared.primary.interval)[:2] == pytest.approx(astuple(alone.primary.interval)[:2], rel=1e-12)
    assert [row.cluster for row in shared.rows] == names * 2
    assert [row.cluster for row in score("clipscore", at(0.5, 0.3)).rows] == ["0", "1"]


def test_items_without_embedding_are_unscored() -> None:
    scored = score("clap", np.vstack([at(0.5, 0.1), [[np.nan, 1]], [[0, 0]]]))
    assert scored.primary.value == pytest.approx(0.3, rel=1e-12)
    assert (scored.primary.n, dict(scored.primary.unscored)) == (4, {"not_finite": 1, "zero_embedding": 1})
    assert scored.primary.bounds is not None
    assert astuple(scored.primary.bounds) == pytest.approx((-0.35, 0.65))
    assert [row.unscored for row in scored.rows] == [None, None, "not_finite", "zero_embedding"]
    nothing = score("clipsim", np.zeros((1, 2)))
    assert (nothing.primary.value, nothing.primary.interval) == (None, None)


@pytest.mark.parametrize(
    ("generated", "texts", "told"),
    [
        (np.ones((3, 2)), np.ones((2, 2)), r"shapes \[3, 2\] and \[2, 2\]"),
        (np.ones((3, 4)), np.ones((3, 2)), "same width"),
        (np.ones((3, 2)), np.full((3, 2), np.nan), "without faults"),
        (np.ones((3, 2)), np.zeros((3, 2)), "one that is 0"),
        (np.ones((0, 2)), np.ones((0, 2)), "at least 1"),
    ],
)
def test_what_is_no_pair_is_refused(generated: Features, texts: Features, told: str) -> None:
    with pytest.raises(EvalsError, match=told):
        score("clipsim", generated, texts)
