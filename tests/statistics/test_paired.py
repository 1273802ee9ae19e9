"""Paired differences against closed forms and scipy's tests."""

import numpy as np
import pytest
from scipy import stats

from evals.errors import StatisticsError
from evals.statistics import FloatArray, PairedDifference, mean_of_sums, paired, paired_difference


def compared(baseline: FloatArray, candidate: FloatArray, *, resamples: int = 2000, seed: int = 0) -> PairedDifference:
    sums = [np.column_stack([values, np.ones(len(values))]) for values in (baseline, candidate)]
    return paired_difference(*sums, mean_of_sums, n_items=len(baseline), resamples=resamples, seed=seed)


def test_all_of_a_few_better_has_the_smallest_p_that_exists() -> None:
    found = compared(np.zeros(6), np.ones(6))
    assert found.p_value == 2 / 2**6
    assert (found.difference, found.n_items, found.n_clusters) == (1.0, 6, 6)


def test_only_clusters_that_differ_are_exchanged() -> None:
    baseline, candidate = np.zeros(500), np.zeros(500)
    candidate[[3, 77, 400]] = 1
    assert compared(baseline, candidate).p_value == 2 / 2**3


@pytest.mark.parametrize("seed", range(5))
def test_exact_p_equals_scipys_permutation_test(seed: int) -> None:
    rng = np.random.default_rng(seed)
    baseline, candidate = rng.normal(size=9), rng.normal(0.6, 1.0, size=9)
    theirs = stats.permutation_test(
        (candidate, baseline),
        lambda first, second, axis: (first - second).mean(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**9,
    )
    assert compared(baseline, candidate).p_value == pytest.approx(theirs.pvalue, abs=1e-12)


def test_random_p_and_interval_agree_with_the_t_test() -> None:
    rng = np.random.default_rng(6)
    baseline = rng.normal(size=1500)
    candidate = baseline + rng.normal(0.02, 0.5, size=1500)
    ours, theirs = compared(baseline, candidate, resamples=10_000), stats.ttest_rel(candidate, baseline)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=0.015)
    low, high = theirs.confidence_interval(0.95)
    assert ours.interval is not None
    assert (ours.interval.low, ours.interval.high) == pytest.approx((low, high), abs=0.05 * (high - low))
    assert ours.interval.method == "paired-cluster-bootstrap-percentile-10000"


def test_p_values_are_uniform_where_nothing_differs() -> None:
    rng = np.random.default_rng(7)
    p_values = [
        compared(rng.normal(size=40), rng.normal(size=40), resamples=300, seed=seed).p_value for seed in range(300)
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 0.05
    assert 0.02 <= np.mean(np.array(p_values) <= 0.05) <= 0.09


def test_both_runs_are_drawn_with_the_same_weights() -> None:
    baseline = np.random.default_rng(8).normal(0, 100, size=400)
    found = compared(baseline, baseline + 0.5)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((0.5, 0.5), abs=1e-9)
    assert found.p_value == 1 / 2001


def test_exchanging_the_runs_turns_the_sign_alone() -> None:
    rng = np.random.default_rng(9)
    baseline, candidate = rng.normal(size=60), rng.normal(0.2, 1, size=60)
    forth, back = compared(baseline, candidate), compared(candidate, baseline)
    assert back.difference == pytest.approx(-forth.difference)
    assert back.p_value == forth.p_value
    assert forth.interval is not None
    assert back.interval is not None
    assert (back.interval.low, back.interval.high) == pytest.approx((-forth.interval.high, -forth.interval.low))


def test_a_run_against_itself_differs_by_nothing() -> None:
    values = np.random.default_rng(10).normal(size=300)
    found = compared(values, values)
    assert (found.difference, found.p_value) == (0.0, 1.0)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (0.0, 0.0)


def test_seed_decides_and_chunks_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(11)
    baseline, candidate = rng.normal(size=100), rng.normal(size=100)
    first = compared(baseline, candidate, seed=3)
    assert compared(baseline, candidate, seed=3) == first
    assert compared(baseline, candidate, seed=4).p_value != first.p_value
    monkeypatch.setattr(paired, "_DRAWS_PER_CHUNK", 8 * 100)
    assert compared(baseline, candidate, seed=3) == first


def test_one_cluster_decides_nothing() -> None:
    found = compared(np.zeros(1), np.ones(1))
    assert (found.p_value, found.interval) == (1.0, None)


def test_undefined_exchanges_count_against_a_difference() -> None:
    baseline, candidate = np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [2.0, 1.0]])
    found = paired_difference(baseline, candidate, mean_of_sums, n_items=2)  # half the exchanges divide by 0
    assert found.difference == 1.0
    assert found.p_value == 1.0


@pytest.mark.parametrize(
    ("baseline", "candidate", "message"),
    [
        (np.ones((2, 2)), np.ones((3, 2)), "compare runs over the same items"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "at least one item"),
        (np.zeros((2, 2)), np.ones((2, 2)), "a value for each run"),
    ],
)
def test_what_cannot_be_compared_is_refused(baseline: FloatArray, candidate: FloatArray, message: str) -> None:
    with pytest.raises(StatisticsError, match=message):
        paired_difference(baseline, candidate, mean_of_sums, n_items=len(baseline))
