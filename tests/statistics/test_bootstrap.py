"""Intervals against closed forms, against scipy, and at their edges."""

import math

import numpy as np
import pytest
from scipy import stats

from evals.errors import StatisticsError
from evals.results.schema import Interval
from evals.statistics import FloatArray, bootstrap, cluster_interval, cluster_intervals, cluster_sums, mean_of_sums


def with_counts(values: FloatArray) -> FloatArray:
    return np.column_stack([values, np.ones(len(values))])


def interval_of_mean(values: FloatArray, *, resamples: int = 1000, seed: int = 0) -> Interval:
    interval = cluster_interval(with_counts(values), mean_of_sums, n_items=len(values), resamples=resamples, seed=seed)
    assert interval is not None
    return interval


def test_cluster_sums_add_up_items_by_cluster_name() -> None:
    values = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    assert cluster_sums(values, ["b", "a", "b"]).tolist() == [[2.0, 20.0], [5.0, 50.0]]
    assert cluster_sums(values[::-1], ["b", "a", "b"]).tolist() == [[2.0, 20.0], [5.0, 50.0]]
    assert cluster_sums(np.zeros((0, 3)), []).shape == (0, 3)


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((2, 1))])
def test_cluster_sums_refuse_other_shapes(values: FloatArray) -> None:
    with pytest.raises(StatisticsError, match=r"expected values of shape \[3, k\]"):
        cluster_sums(values, ["a", "b", "c"])


def test_interval_of_a_normal_mean_has_the_analytic_width() -> None:
    values = np.random.default_rng(1).normal(5.0, 2.0, size=2000)
    interval = interval_of_mean(values, resamples=8000)
    half_width = 1.959964 * values.std() / math.sqrt(2000)
    assert interval.low == pytest.approx(values.mean() - half_width, abs=0.06 * half_width)
    assert interval.high == pytest.approx(values.mean() + half_width, abs=0.06 * half_width)
    assert (interval.method, interval.level, interval.note) == ("cluster-bootstrap-percentile-8000", 0.95, "")


def test_intervals_cover_the_true_mean_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    intervals = [interval_of_mean(rng.normal(size=120), resamples=400, seed=seed) for seed in range(400)]
    share = np.mean([interval.low <= 0.0 <= interval.high for interval in intervals])
    assert 0.92 <= share <= 0.98  # 0.95 +- 2.8 standard errors


def test_interval_of_a_ratio_agrees_with_scipy() -> None:
    rng = np.random.default_rng(3)
    sums = np.column_stack([rng.poisson(3, 400), rng.poisson(9, 400)]).astype(np.float64)
    ours = cluster_interval(sums, mean_of_sums, n_items=400, resamples=9999, level=0.9)
    theirs = stats.bootstrap(
        (sums[:, 0], sums[:, 1]),
        lambda top, bottom, axis: top.sum(axis) / bottom.sum(axis),
        paired=True,
        method="percentile",
        confidence_level=0.9,
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert ours is not None
    assert ours.low == pytest.approx(theirs.low, abs=0.04 * (theirs.high - theirs.low))
    assert ours.high == pytest.approx(theirs.high, abs=0.04 * (theirs.high - theirs.low))


def test_copies_of_an_item_in_one_cluster_add_nothing_but_as_items_of_their_own_they_would() -> None:
    values = np.random.default_rng(4).normal(size=300)
    copies = with_counts(np.repeat(values, 4))
    clustered = cluster_interval(
        cluster_sums(copies, [str(place // 4) for place in range(1200)]), mean_of_sums, n_items=1200
    )
    by_name = cluster_sums(with_counts(values), [str(place) for place in range(300)])
    alone = cluster_interval(by_name, mean_of_sums, n_items=300)
    assert clustered is not None
    assert alone is not None
    assert (clustered.low, clustered.high) == pytest.approx((alone.low, alone.high), abs=1e-12)
    pretended = interval_of_mean(np.repeat(values, 4))
    assert (pretended.high - pretended.low) / (alone.high - alone.low) == pytest.approx(0.5, abs=0.05)


def test_several_statistics_share_their_resamples() -> None:
    sums = with_counts(np.random.default_rng(12).normal(3.0, 1.0, size=300))
    halved = lambda totals: mean_of_sums(totals) / 2  # noqa: E731
    whole, half = cluster_intervals(sums, [mean_of_sums, halved], n_items=300, seed=7)
    assert whole == cluster_interval(sums, mean_of_sums, n_items=300, seed=7)
    assert whole is not None
    assert half is not None
    assert (half.low, half.high) == pytest.approx((whole.low / 2, whole.high / 2))
    assert cluster_intervals(sums[:1], [mean_of_sums, halved], n_items=1) == [None, None]


def test_seed_decides_and_chunks_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(5).normal(size=250)
    first = interval_of_mean(values, seed=1)
    assert interval_of_mean(values, seed=1) == first
    assert interval_of_mean(values, seed=2) != first
    monkeypatch.setattr(bootstrap, "_DRAWS_PER_CHUNK", 700)
    in_chunks = interval_of_mean(values, seed=1)
    assert (in_chunks.low, in_chunks.high) == pytest.approx((first.low, first.high), abs=1e-12)


@pytest.mark.parametrize(
    ("n_items", "n_clusters", "note"),
    [(199, 199, "small_n"), (200, 49, "small_n"), (200, 50, "")],
)
def test_small_samples_carry_a_note(n_items: int, n_clusters: int, note: str) -> None:
    sums = with_counts(np.arange(float(n_clusters)))
    interval = cluster_interval(sums, mean_of_sums, n_items=n_items)
    assert interval is not None
    assert interval.note == note


def test_no_interval_without_a_spread_to_see() -> None:
    assert cluster_interval(np.zeros((0, 2)), mean_of_sums, n_items=0) is None
    assert cluster_interval(np.ones((1, 2)), mean_of_sums, n_items=70) is None
    assert cluster_interval(np.zeros((5, 2)), mean_of_sums, n_items=5) is None  # 0/0 in every resample


def test_undefined_resamples_are_left_out() -> None:
    sums = np.array([[1.0, 1.0], [0.0, 0.0]])  # a quarter of the resamples draws only the second: 0/0
    assert cluster_interval(sums, mean_of_sums, n_items=2) == Interval(
        1.0, 1.0, 0.95, "cluster-bootstrap-percentile-1000", "small_n"
    )


def test_equal_clusters_have_width_zero() -> None:
    interval = interval_of_mean(np.full(300, 0.25))
    assert (interval.low, interval.high) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("sums", "level", "resamples", "message"),
    [
        (np.zeros(3), 0.95, 10, "finite values"),
        (np.array([[math.nan]]), 0.95, 10, "nan or infinite"),
        (np.zeros((3, 1)), 95.0, 10, "a share between 0 and 1"),
        (np.zeros((3, 1)), 0.95, 0, "at least 1"),
    ],
)
def test_arguments_out_of_range_are_refused(sums: FloatArray, level: float, resamples: int, message: str) -> None:
    with pytest.raises(StatisticsError, match=message):
        cluster_interval(sums, mean_of_sums, n_items=3, level=level, resamples=resamples)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(StatisticsError, match="seed: expected a whole number from 0, found -1"):
        interval_of_mean(np.arange(9.0), seed=-1)
