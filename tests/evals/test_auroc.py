"""AUROC against the Mann-Whitney statistic and DeLong's variance."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from evals.errors import PredictionError
from evals.metrics.auroc import placements, score_auroc
from evals.results.schema import Bounds, Unscored
from shards.formats.answers import BinaryTruth


def items(labels: Any) -> list[BinaryTruth]:
    return [BinaryTruth(place, int(label)) for place, label in enumerate(labels)]  # type: ignore[arg-type]


def keyed(scores: Any) -> dict[str, float]:
    return {str(place): float(score) for place, score in enumerate(scores)}


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=30))
def test_it_is_the_mann_whitney_statistic(pairs: list[tuple[bool, int]]) -> None:
    labels, scores = np.array([label for label, _ in pairs]), np.array([score for _, score in pairs], dtype=float)
    value = score_auroc(items(labels), keyed(scores)).primary.value
    if labels.all() or not labels.any():
        assert value is None
        return
    statistic = mannwhitneyu(scores[labels], scores[~labels], method="asymptotic").statistic
    assert value == pytest.approx(statistic / (labels.sum() * (~labels).sum()), abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "scores", "value"),
    [("0011", (0.1, 0.4, 0.35, 0.8), 0.75), ("01", (1, 1), 0.5), ("110", (3, 2, 1), 1.0), ("110", (1, 2, 3), 0.0)],
)
def test_by_hand(labels: str, scores: Any, value: float) -> None:
    assert score_auroc(items(labels), keyed(scores)).primary.value == value


def test_unscored_items_stand_on_the_wrong_side() -> None:
    found = score_auroc(items("0101"), {"0": 0.5, "1": 0.6, "2": Unscored("refusal")})
    # Wrong: the refused 0 above all, the missing 1 below all: of 4 pairs 0.6 > 0.5 alone is won.
    assert (found.primary.value, found.primary.bounds) == (0.25, Bounds(0.25, 1.0))
    assert found.primary.unscored == {"refusal": 1, "missing": 1}
    assert [row.value for row in found.rows] == [0.5, 0.5, None, None]


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_scores_are_finite(score: float) -> None:
    with pytest.raises(PredictionError, match="id 1: expected a finite number"):
        score_auroc(items("01"), {"0": 0.5, "1": score})
    with pytest.raises(PredictionError, match="1 unknown"):
        score_auroc(items("01"), {"5": 0.5})


def test_the_interval_is_as_wide_as_delongs_variance_says() -> None:
    rng = np.random.default_rng(4)
    labels = rng.random(800) < 0.4
    scores = rng.normal(size=800) + labels
    found = score_auroc(items(labels), keyed(scores)).primary
    placed = placements(labels, scores)
    variance = sum(placed[own].var(ddof=1) / own.sum() for own in (labels, ~labels))
    assert found.interval is not None
    assert found.interval.method == "cluster-bootstrap-percentile-1000-linearised"
    assert found.interval.note == ""
    assert (found.interval.high - found.interval.low) / (2 * 1.96 * variance**0.5) == pytest.approx(1, abs=0.08)
    assert (found.interval.high + found.interval.low) / 2 == pytest.approx(found.value, abs=0.004)


def test_perfect_ranks_have_no_spread() -> None:
    interval = score_auroc(items("01" * 10), keyed([0, 1] * 10)).primary.interval
    assert interval is not None
    assert (interval.low, interval.high, interval.note) == (1.0, 1.0, "small_n")
