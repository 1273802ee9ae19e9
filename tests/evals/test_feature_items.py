"""Features of items with several rows (a sound's seconds, a film's frames): counted and drawn as one."""

import pickle

import numpy as np
import pytest

from evals.metrics.feature_sets import feature_set, joined
from evals.metrics.frechet import extrapolated_distance, frechet_distance, score_frechet
from evals.metrics.gaussians import SAMPLE_ITEMS, FeatureStatistics
from evals.results import Metric
from evals.statistics import FloatArray


def width_of(one: Metric) -> float:
    assert one.interval is not None
    return one.interval.high - one.interval.low


def repeated(media: FloatArray, times: int) -> FeatureStatistics:
    return FeatureStatistics.of(joined([np.repeat(row[None], times, axis=0) for row in media]))


def test_a_row_that_an_item_repeats_tells_nothing_new() -> None:
    rng = np.random.default_rng(20)
    x, y = rng.standard_normal((300, 4)), rng.standard_normal((250, 4)) * 1.5 + 0.2
    once = score_frechet(FeatureStatistics.of(feature_set(x)), FeatureStatistics.of(feature_set(y)))
    fourfold = score_frechet(repeated(x, 4), repeated(y, 4))
    for name, one in once.result("").metrics.items():
        other = fourfold.result("").metrics[name]
        assert (other.n, other.value) == (300, pytest.approx(one.value, rel=0.01))  # covariances over 4n - 1
        assert width_of(other) == pytest.approx(width_of(one), rel=0.01)
    few = score_frechet(repeated(x, 4), repeated(y, 4), enough=301).primary
    assert few.interval is not None
    assert few.interval.note == "small_n"
    assert extrapolated_distance(*[FeatureStatistics.of(joined([x[:40], x[40:80], x[80:]]))] * 2, 0.0) is None


def films(rng: np.random.Generator, n: int, shift: float) -> FeatureStatistics:
    """Items of 1 to 12 near-equal rows around draws from a Gaussian of 5 features."""
    centres = rng.standard_normal((n, 5)) + shift
    noise = [0.2 * rng.standard_normal((size, 5)) for size in rng.integers(1, 13, n)]
    return FeatureStatistics.of(joined([one + centre for one, centre in zip(noise, centres, strict=True)]))


@pytest.mark.parametrize(("n", "runs"), [(150, 150), (1500, 60)])
def test_intervals_cover_where_items_have_several_rows(n: int, runs: int) -> None:
    rng = np.random.default_rng(3)
    scored = [score_frechet(films(rng, n, 0.5), films(rng, n, 0.0)) for _ in range(runs)]
    expected = float(np.mean([one.primary.value or 0 for one in scored]))
    for metrics, truth in (
        ([one.primary for one in scored], expected),
        ([one.metrics["frechet_extrapolated"] for one in scored], 5 * 0.5**2),
    ):
        hits = [one.interval is not None and one.interval.low <= truth <= one.interval.high for one in metrics]
        assert 0.88 <= np.mean(hits) <= 1
        values = np.array([one.value for one in metrics])
        assert 0.8 < np.mean([width_of(one) for one in metrics]) / 3.92 / values.std() < 1.25
        assert abs(values.mean() - truth) < 4 * values.std() / np.sqrt(runs)  # halves that share items keep the bias


def test_the_interval_is_that_of_leaving_out_each_item() -> None:
    """The jackknife; items of many rows weigh more, and rows that are far out move the distance by much."""
    rng = np.random.default_rng(7)
    media = [3 * rng.standard_normal((1, 2)) + 0.3 * rng.standard_normal((n, 2)) for n in rng.integers(1, 20, 400)]
    real = np.tile(rng.standard_normal((50, 2)), (10_000, 1))  # so many that its own part is nothing
    statistics = FeatureStatistics.of(feature_set(real))
    scored = score_frechet(FeatureStatistics.of(joined(media)), statistics).primary
    left = [
        frechet_distance(FeatureStatistics.of(joined(media[:one] + media[one + 1 :])).whole, statistics.whole)
        for one in range(0, 400, 2)
    ]
    error = 2 * ((np.array(left) - np.mean(left)) ** 2).sum() * 399 / 400
    assert width_of(scored) == pytest.approx(2 * 1.959964 * error**0.5, rel=0.1)


def test_items_of_several_rows_in_any_order_and_over_workers() -> None:
    rng = np.random.default_rng(5)
    media = [rng.standard_normal((size, 3)) for size in rng.integers(1, 6, 2000)]
    media[7] = np.repeat(media[7][:1], 3, axis=0)
    media += [media[7]] * 3
    once = FeatureStatistics.of(joined(media))
    merged = FeatureStatistics.empty(3)
    order = rng.permutation(len(media))
    for part in np.array_split(order, 7):
        merged.merge(pickle.loads(pickle.dumps(FeatureStatistics.of(joined([media[one] for one in part])))))
    assert (once.n, merged.n, merged.whole.n) == (2003, 2003, sum(map(len, media)))
    assert np.count_nonzero(merged.starts) == SAMPLE_ITEMS
    np.testing.assert_array_equal(merged.sample, once.sample)
    np.testing.assert_array_equal(merged.starts, once.starts)
    kept = np.split(once.sample, np.flatnonzero(once.starts)[1:])
    assert {one.tobytes() for one in kept} <= {one.tobytes() for one in media}
    real = repeated(rng.standard_normal((400, 3)), 2)
    values = [score_frechet(one, real).result("").metrics for one in (once, merged)]
    for name, one in values[0].items():
        assert one.value == pytest.approx(values[1][name].value, rel=1e-10)
        assert width_of(one) == pytest.approx(width_of(values[1][name]), rel=1e-9)


def test_an_item_with_one_broken_row_is_unscored_as_a_whole() -> None:
    media = [np.full((2, 3), 1.0), np.array([[0.0, 0, 0], [0, np.inf, 0], [0, 0, 0]]), np.eye(3)]
    features = joined(media, unscored={"unreadable_media": 2})
    assert (features.n, features.reasons) == (5, {"unreadable_media": 2, "not_finite": 1})
    assert FeatureStatistics.of(features).whole.n == 5
    assert FeatureStatistics.of(features).n == 2
