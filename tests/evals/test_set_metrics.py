"""KID, Inception Score, precision and recall, tagger KL: the published definitions and defaults, laws, intervals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist
from scipy.special import rel_entr, softmax

from evals.errors import EvalsError
from evals.metrics.feature_sets import Features, feature_set
from evals.metrics.inception_score import score_inception
from evals.metrics.kernel_distance import kernel_distances, score_kernel_distance
from evals.metrics.prc import is_covered, score_precision_recall
from evals.metrics.tagger_kl import score_tagger_kl
from evals.results import Metric, Scored
from evals.statistics import FloatArray

RNG = np.random.default_rng(0)


def published_kernel_distances(x: Features, y: Features, *, subsets: int, size: int) -> FloatArray:
    """torch-fidelity's definition, subset by subset."""
    draws = np.random.RandomState(2020)
    values = []
    for _ in range(subsets):
        a = x[draws.choice(len(x), size, replace=False)].astype(np.float64)
        b = y[draws.choice(len(y), size, replace=False)].astype(np.float64)
        aa, bb, ab = ((one @ other.T / x.shape[1] + 1) ** 3 for one, other in ((a, a), (b, b), (a, b)))
        within = (aa.sum() - np.trace(aa) + bb.sum() - np.trace(bb)) / (size * (size - 1))
        values.append(within - 2 * ab.sum() / size**2)
    return np.array(values)


@pytest.mark.parametrize(("dtype", "digits"), [(np.float64, 1e-11), (np.float32, 2e-6), (np.float16, 2e-6)])
@pytest.mark.parametrize(
    ("n", "m", "subsets", "size"), [(1300, 1100, 100, 1000), (90, 60, 100, 40), (700, 650, 5, 30), (40, 40, 2, 40)]
)
def test_kid_by_its_definition(dtype: Any, digits: float, n: int, m: int, subsets: int, size: int) -> None:
    x, y = (RNG.standard_normal((rows, 24)).astype(dtype) for rows in (n, m))
    y += dtype(0.2)
    found = kernel_distances(x, y, subsets=subsets, subset_size=size).values
    expected = published_kernel_distances(x, y, subsets=subsets, size=size)
    np.testing.assert_allclose(found, expected, atol=digits)
    scored = score_kernel_distance(feature_set(x), feature_set(y), subsets=subsets, subset_size=size)
    assert scored.primary.value == pytest.approx(expected.mean(), abs=digits)
    assert scored.metrics["kid_std"].value == pytest.approx(expected.std(), abs=digits)


@given(st.integers(0, 1000))
def test_kid_laws(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((12, 3)), rng.standard_normal((9, 3)) + 1
    rotation, _ = np.linalg.qr(rng.standard_normal((3, 3)))

    def kid(first: Features, second: Features) -> FloatArray:
        return kernel_distances(first, second, subsets=3, subset_size=9).values

    full = kernel_distances(y, y + 3, subsets=1, subset_size=9).values
    np.testing.assert_allclose(kernel_distances(y + 3, y[::-1], subsets=1, subset_size=9).values, full, rtol=1e-9)
    np.testing.assert_allclose(kid(x @ rotation, y @ rotation), kid(x, y), rtol=1e-8, atol=1e-8)
    itself = kernel_distances(x, x, subsets=1, subset_size=12).values
    assert -1e3 < itself[0] < 0  # its own pairs stay in the mixed sum, as published


def published_inception_score(logits: Features, splits: int) -> list[float]:
    """torch-fidelity's definition."""
    shuffled = softmax(logits.astype(np.float64), axis=1)[np.random.RandomState(2020).permutation(len(logits))]
    scores = []
    for split in range(splits):
        part = shuffled[split * len(logits) // splits : (split + 1) * len(logits) // splits]
        scores.append(float(np.exp(rel_entr(part, part.mean(axis=0)).sum(axis=1).mean())))
    return scores


@pytest.mark.parametrize("n", [10, 103, 1000])
@pytest.mark.parametrize("scale", [0.1, 3.0, 300.0])
def test_inception_score_by_its_definition(n: int, scale: float) -> None:
    logits = (RNG.standard_normal((n, 7)) * scale).astype(np.float32)
    scored = score_inception(feature_set(logits))
    expected = published_inception_score(logits, 10)
    assert scored.primary.value == pytest.approx(np.mean(expected), rel=1e-9)
    assert scored.metrics["is_std"].value == pytest.approx(np.std(expected), abs=1e-9)
    assert scored.primary.higher_is_better


def test_inception_score_of_sure_and_of_equal_predictions() -> None:
    sure = np.tile(np.eye(4) * 1e4, (50, 1))  # probabilities of others are 0 in float64
    assert score_inception(feature_set(sure), splits=1).primary.value == pytest.approx(4, rel=1e-12)
    assert score_inception(feature_set(np.ones((20, 4)))).primary.value == pytest.approx(1, rel=1e-12)


def published_precision_recall(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """torch-fidelity's definition: x generated, y real."""
    radii = [np.sort(cdist(one, one), axis=1)[:, 3] for one in (x, y)]
    between = cdist(x, y)
    return float((between <= radii[1]).any(axis=1).mean()), float((radii[0] >= between.T).any(axis=1).mean())


@pytest.mark.parametrize(("n", "m"), [(4, 4), (150, 90), (1200, 1100)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_precision_and_recall_by_their_definition(n: int, m: int, dtype: Any) -> None:
    x, y = RNG.standard_normal((n, 6)).astype(dtype), (RNG.standard_normal((m, 6)) * 0.8 + 0.1).astype(dtype)
    scored = score_precision_recall(feature_set(x), feature_set(y))
    precision, recall = published_precision_recall(x.astype(np.float64), y.astype(np.float64))
    assert scored.primary.value == pytest.approx(precision, abs=1e-12)
    assert scored.metrics["recall"].value == pytest.approx(recall, abs=1e-12)
    assert scored.metrics["f_score"].value == pytest.approx(
        2 * precision * recall / max(1e-5, precision + recall), abs=1e-12
    )


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_precision_and_recall_at_their_ends(shift: float) -> None:
    x = RNG.standard_normal((60, 3)) + shift
    for same in (x, np.repeat(x[:5], 8, axis=0), np.full((9, 3), shift)):
        scored = score_precision_recall(feature_set(same), feature_set(same[::-1].copy()))
        assert (scored.primary.value, scored.metrics["recall"].value, scored.metrics["f_score"].value) == (1, 1, 1)
    apart = score_precision_recall(feature_set(x), feature_set(x + 1e3))
    assert (apart.primary.value, apart.metrics["recall"].value, apart.metrics["f_score"].value) == (0, 0, 0)


def test_equal_rows_are_at_no_distance_whatever_the_rounding() -> None:
    for size in range(3, 40):
        real = RNG.standard_normal((size, 5 * size)).astype(np.float32)
        fourfold = np.repeat(real, 4, axis=0)[RNG.permutation(4 * size)]  # radii of 0
        assert is_covered(real[::-1].copy(), fourfold, 3).all()


def test_f_score_has_an_interval_over_the_items_of_both_sets() -> None:
    x, y = RNG.standard_normal((300, 3)), RNG.standard_normal((400, 3)) + 0.7
    scored = score_precision_recall(feature_set(x), feature_set(y))
    value, interval = scored.metrics["f_score"].value, scored.metrics["f_score"].interval
    assert interval is not None
    assert value is not None
    # The delta method: each share's error, weighted by the harmonic mean's slopes.
    shares = scored.primary.value or 0, scored.metrics["recall"].value or 0
    slopes = [2 * (other / sum(shares)) ** 2 for other in shares[::-1]]
    error = sum((s * s) * p * (1 - p) / n for s, p, n in zip(slopes, shares, (300, 400), strict=True)) ** 0.5
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert interval.low < value < interval.high


def test_collapse_costs_recall_and_blur_costs_precision() -> None:
    real = RNG.standard_normal((500, 4))
    collapsed = score_precision_recall(feature_set(RNG.standard_normal((500, 4)) * 0.2), feature_set(real))
    scattered = score_precision_recall(feature_set(RNG.standard_normal((500, 4)) * 5), feature_set(real))
    assert (collapsed.primary.value or 0) > 0.9 > 0.3 > (collapsed.metrics["recall"].value or 1)
    assert (scattered.metrics["recall"].value or 0) > 0.9 > 0.3 > (scattered.primary.value or 1)


def test_tagger_kl_by_its_definition() -> None:
    predicted, target = RNG.standard_normal((2, 30, 9)) * 4
    p, q = softmax(predicted, axis=1), softmax(target, axis=1)
    scored = score_tagger_kl(feature_set(predicted), feature_set(target))
    assert scored.primary.value == pytest.approx((q * (np.log(q) - np.log(p + 1e-6))).sum() / 30, rel=1e-12)
    assert len(scored.rows) == 30
    with pytest.raises(EvalsError, match="a reference for each"):
        score_tagger_kl(feature_set(predicted), feature_set(target[1:]))


METRICS: dict[str, Callable[[Features, Features], Scored]] = {
    "kid": lambda x, y: score_kernel_distance(feature_set(x), feature_set(y), subsets=4, subset_size=20),
    "prc": lambda x, y: score_precision_recall(feature_set(x), feature_set(y)),
    "is": lambda x, _: score_inception(feature_set(x)),
    "tagger_kl": lambda x, y: score_tagger_kl(feature_set(x), feature_set(y[: len(x)])),
}


@pytest.mark.parametrize("name", METRICS)
def test_broken_items_are_counted_and_empty_sets_refused(name: str) -> None:
    x, y = RNG.standard_normal((2, 60, 5))
    broken = x.copy()
    broken[[3, 7], [0, 4]] = np.nan, np.inf
    scored = METRICS[name](broken, y)
    assert (scored.primary.n, scored.primary.unscored) == (60, {"not_finite": 2})
    if name in ("prc", "is"):
        assert scored.primary.value == METRICS[name](np.delete(x, [3, 7], axis=0), y).primary.value
    for few in (x[:0], x[:1] * np.nan):
        with pytest.raises(EvalsError):
            METRICS[name](few, y)
    with pytest.raises(EvalsError):
        METRICS["kid"](x[:19], y)


@given(hnp.arrays(np.float32, st.tuples(st.integers(20, 25), st.just(3)), elements=st.floats(-9, 9, width=32)))
def test_every_value_is_finite_and_within_its_range(x: Features) -> None:
    for name, metric in METRICS.items():
        for one in metric(x, x[::-1]).result("").metrics.values():
            assert one.value is not None, name
            assert np.isfinite(one.value), name
            assert one.interval is None or one.interval.low <= one.value <= one.interval.high, name


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_large_and_small_numbers(scale: float) -> None:
    x, y = (RNG.standard_normal((60, 5)).astype(np.float32) for _ in range(2))
    scaled = [(one * scale).astype(np.float32) for one in (x, y)]
    assert METRICS["prc"](*scaled).metrics == METRICS["prc"](x, y).metrics
    assert 1 <= (METRICS["is"](scaled[0].astype(np.float64) * 1e277, y).primary.value or 0) <= 5
    if scale > 1:
        with pytest.raises(EvalsError, match="sixth powers fit float32"):
            METRICS["kid"](*scaled)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("scale", [1e100, 1e154, 1e300, 1.7e308])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_at_the_edge_are_scored_or_refused_without_a_warning(name: str, scale: float, dtype: Any) -> None:
    sides = ((RNG.uniform(-1, 1, (60, 5)) * min(scale, float(np.finfo(dtype).max))).astype(dtype) for _ in range(2))
    try:
        value = METRICS[name](*sides).primary.value
    except EvalsError:
        assert name == "kid"
    else:
        assert name != "kid"
        assert np.isfinite(value or 0)


@pytest.mark.parametrize(("subsets", "size"), [(0, 20), (-1, 20), (4, 1), (4, 0), (4, 61)])
def test_kid_needs_subsets_of_two_items(subsets: int, size: int) -> None:
    with pytest.raises(EvalsError, match=f"subset-size from 2 to 60.*found {subsets} subsets of {size}"):
        kernel_distances(*RNG.standard_normal((2, 60, 5)), subsets=subsets, subset_size=size)


@pytest.mark.parametrize("outlier", [1e8, 1e12, 1e25, 3e38])
def test_an_outlier_changes_nothing_for_the_others(outlier: float) -> None:
    x = RNG.standard_normal((200, 8)).astype(np.float32)
    y = (RNG.standard_normal((200, 8)) + 0.5).astype(np.float32)
    far = x.copy()
    far[0] = outlier
    precision, _ = published_precision_recall(far[1:].astype(np.float64), y.astype(np.float64))
    made = score_precision_recall(feature_set(far), feature_set(y))
    assert made.primary.value == pytest.approx(precision * 199 / 200, abs=1e-12)
    real = score_precision_recall(feature_set(y), feature_set(far))
    assert real.metrics["recall"].value == pytest.approx(precision * 199 / 200, abs=1e-12)
    with pytest.raises(EvalsError, match="squares fit float64, found 1e"):
        score_precision_recall(feature_set(np.vstack([x, np.full((1, 8), 1e160)])), feature_set(y))


@pytest.mark.parametrize("n", [10, 15, 19])
def test_an_inception_score_of_few_items_has_a_marked_interval(n: int) -> None:
    """A split of one item is at 1, so the splits' scores must tell their spread."""
    logits = RNG.standard_normal((n, 4)) * 3
    scored, splits = score_inception(feature_set(logits)).primary, published_inception_score(logits, 10)
    assert scored.interval is not None
    assert scored.interval.note == "small_n"
    half = 1.959964 * np.std(splits, ddof=1) / np.sqrt(10)
    assert scored.interval.high - (scored.value or 0) == pytest.approx(half, rel=1e-5, abs=1e-9)


def covered(one: Metric, truth: float) -> bool:
    return one.interval is not None and one.interval.low <= truth <= one.interval.high


def test_intervals_cover() -> None:
    rng = np.random.default_rng(1)

    def kid(n: int, subset_size: int) -> Metric:
        x, y = rng.standard_normal((n, 4)), rng.standard_normal((n, 4)) * 1.2 + 0.3
        sides = feature_set(x), feature_set(y)
        return score_kernel_distance(*sides, subsets=10, subset_size=subset_size).primary

    def inception(n: int) -> Metric:
        return score_inception(feature_set(rng.standard_normal((n, 6)) * 2)).primary

    kids, scores = [kid(200, 80) for _ in range(150)], [inception(500) for _ in range(150)]
    truth = float(np.mean([kid(2000, 2000).value or 0 for _ in range(12)]))
    assert 0.89 <= np.mean([covered(one, truth) for one in kids]) <= 1
    expected = float(np.mean([one.value or 0 for one in scores]))
    assert 0.89 <= np.mean([covered(one, expected) for one in scores]) <= 1
    for drawn in (kids, scores):
        widths = [one.interval.high - one.interval.low for one in drawn if one.interval]
        assert 0.7 < np.mean(widths) / 3.92 / np.std([one.value or 0 for one in drawn]) < 1.5
