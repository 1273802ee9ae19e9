"""Frechet distance: the published formulas on well-conditioned sets, closed forms where those fail, streams, laws."""

import pickle
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evals.errors import EvalsError, StatisticsError
from evals.metrics.feature_sets import Features, feature_set, require_pair
from evals.metrics.frechet import extrapolated_distance, frechet_distance, score_frechet
from evals.metrics.gaussians import SAMPLE_ITEMS, FeatureStatistics, Gaussian
from evals.statistics import FloatArray

Distance = Callable[[FloatArray, FloatArray], float]
TABLES = hnp.arrays(np.float64, st.tuples(st.integers(2, 9), st.just(3)), elements=st.floats(-8, 8, width=32))


def statistics(features: Features, *, batch: int = 10**9) -> FeatureStatistics:
    gathered = FeatureStatistics.empty(features.shape[1])
    for start in range(0, len(features), batch):
        gathered.update(features[start : start + batch])
    return gathered


def distance(generated: FloatArray, real: FloatArray) -> float:
    return frechet_distance(statistics(generated).whole, statistics(real).whole)


def terms(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    first, second = np.atleast_2d(np.cov(x, rowvar=False)), np.atleast_2d(np.cov(y, rowvar=False))
    step = x.mean(axis=0) - y.mean(axis=0)
    return first, second, float(step @ step + np.trace(first) + np.trace(second))


def by_matrix_root(x: FloatArray, y: FloatArray) -> float:
    """As pytorch-fid and clean-fid do."""
    first, second, others = terms(x, y)
    return float(others - 2 * np.trace(scipy.linalg.sqrtm(first @ second)).real)


def by_eigenvalues(x: FloatArray, y: FloatArray) -> float:
    """As torch-fidelity and torchmetrics do."""
    first, second, others = terms(x, y)
    return float(others - 2 * np.sqrt(np.linalg.eigvals(first @ second).astype(complex)).real.sum())


def by_nuclear_norm(x: FloatArray, y: FloatArray) -> float:
    """Exact for any number of rows."""
    roots = [(one - one.mean(axis=0)) / np.sqrt(len(one) - 1) for one in (x, y)]
    return terms(x, y)[2] - 2 * float(np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum())


def draws(n: int, d: int, *, seed: int, scale: float = 1.0, shift: float = 0.0) -> FloatArray:
    rng = np.random.default_rng(seed)
    return np.asarray((rng.standard_normal((n, d)) @ (np.eye(d) + 0.3 * rng.random((d, d))) + shift) * scale)


@pytest.mark.parametrize("published", [by_matrix_root, by_eigenvalues, by_nuclear_norm])
@pytest.mark.parametrize(("n", "d"), [(300, 1), (200, 7), (400, 40)])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_well_conditioned_sets(published: Distance, n: int, d: int, scale: float) -> None:
    x, y = draws(n, d, seed=1, scale=scale), draws(n + 50, d, seed=2, scale=scale, shift=0.4)
    assert distance(x, y) == pytest.approx(published(x, y), rel=1e-9)


@pytest.mark.parametrize(("n", "m", "d"), [(2, 2, 5), (8, 13, 40), (40, 200, 64), (65, 65, 64), (3, 500, 2)])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_fewer_rows_than_features(n: int, m: int, d: int, scale: float) -> None:
    x, y = draws(n, d, seed=3, scale=scale), draws(m, d, seed=4, scale=scale, shift=0.1)
    assert distance(x, y) == pytest.approx(by_nuclear_norm(x, y), rel=1e-9)


def test_constant_columns_repeated_columns_and_constant_sets() -> None:
    x, y = draws(300, 6, seed=5), draws(300, 6, seed=6, shift=0.5)
    for one in (x, y):
        one[:, 2], one[:, 4] = 3.0, one[:, 1]
    assert distance(x, y) == pytest.approx(by_nuclear_norm(x, y), rel=1e-7)
    constant = np.full((5, 6), 2.0)
    assert distance(constant, constant) == 0
    assert distance(constant, constant + 1) == pytest.approx(6, rel=1e-12)
    assert distance(constant, x) == pytest.approx(terms(constant, x)[2], rel=1e-12)


@pytest.mark.parametrize("scale", [1e-100, 1e-6, 1.0, 1e6, 1e100])
@pytest.mark.parametrize("n", [4, 500])
def test_identical_sets_are_at_zero(n: int, scale: float) -> None:
    x = draws(n, 12, seed=7, scale=scale)
    variance = terms(x, x)[2] / 2
    assert 0 <= distance(x, np.flip(x, axis=0)) <= 1e-12 * variance


def test_a_large_mean_does_not_hide_a_small_variance() -> None:
    x, y = draws(1000, 4, seed=8), draws(1000, 4, seed=9, shift=0.3)
    assert distance(1e6 + 1e-2 * x, 1e6 + 1e-2 * y) == pytest.approx(1e-4 * distance(x, y), rel=1e-6)


@pytest.mark.parametrize(
    ("generated", "told"),
    [
        (np.zeros((1, 3)), "at least 2 rows a set, found 1"),
        (np.zeros((0, 3)), "at least 2 rows a set, found 0"),
        (np.zeros((4, 2)), "same width"),
        (np.array([[1e300, 0, 0], [-1e300, 0, 0]]), "squares fit float64"),
    ],
)
def test_what_has_no_distance_is_refused(generated: FloatArray, told: str) -> None:
    with pytest.raises(StatisticsError, match=told):
        distance(generated, np.eye(3))


@pytest.mark.parametrize("rows", [np.full((2, 3), np.nan), np.zeros((2, 4)), np.zeros(3)])
def test_what_is_no_feature_is_refused(rows: FloatArray) -> None:
    with pytest.raises(StatisticsError):
        FeatureStatistics.empty(3).update(rows)


@given(TABLES, TABLES, st.floats(0.01, 100), st.randoms(use_true_random=False))
def test_laws(x: FloatArray, y: FloatArray, factor: float, random: object) -> None:
    value, size = distance(x, y), terms(x, y)[2] + 1e-9
    assert value >= 0
    assert distance(x, x) <= 1e-7 * size
    assert distance(y, x) == pytest.approx(value, abs=1e-7 * size)
    assert distance(factor * x, factor * y) == pytest.approx(factor**2 * value, abs=1e-7 * factor**2 * size)
    rotation, _ = np.linalg.qr(np.array([[1.0, 2, 3], [0, 1, 4], [5, 6, 0]]))
    assert distance(x @ rotation + 1, y @ rotation + 1) == pytest.approx(value, abs=1e-6 * size)
    order = np.random.default_rng(random.randint(0, 99)).permutation(len(x))  # type: ignore[attr-defined]
    assert distance(x[order], y) == pytest.approx(value, abs=1e-7 * size)


@pytest.mark.parametrize("batch", [1, 7, 512, 5000])
def test_batches_and_workers_change_nothing(batch: int) -> None:
    x = draws(3000, 5, seed=10, shift=50.0).astype(np.float32)
    parts = [statistics(part, batch=batch) for part in (x[:100], x[100:2000], x[2000:])]
    merged = FeatureStatistics.empty(5)
    for part in reversed(parts):
        merged.merge(pickle.loads(pickle.dumps(part)))
    once, whole = statistics(x), merged.whole
    assert whole.n == 3000
    np.testing.assert_allclose(whole.mean, x.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(whole.scatter / 2999, np.cov(x, rowvar=False, dtype=np.float64), rtol=1e-10)
    np.testing.assert_array_equal(merged.sample, once.sample)
    assert len(once.sample) == SAMPLE_ITEMS
    assert [half.n for half in merged.halves] == [half.n for half in once.halves]
    assert abs(once.halves[0].n - 1500) < 150
    real = statistics(draws(400, 5, seed=11))
    values = [[one.value for one in score_frechet(x, real).result("").metrics.values()] for x in (merged, once)]
    assert values[0] == pytest.approx(values[1], rel=1e-10)


def test_memory_does_not_grow_with_the_rows() -> None:
    features = np.broadcast_to(draws(1, 256, seed=12), (20_000, 256))
    tracemalloc.start()
    FeatureStatistics.of(feature_set(features))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 16e6  # 41 MB would be all rows


KNOWN = ([1.0, 1.2, 1.5, 2.0], 0.3)


def known_sets(n: int, seed: int) -> tuple[FeatureStatistics, FeatureStatistics, float]:
    """Two Gaussian samples, and the distance of what they were drawn from."""
    rng, scales = np.random.default_rng(seed), np.array(KNOWN[0])
    x, y = rng.standard_normal((n, 4)), rng.standard_normal((n, 4)) * scales + KNOWN[1]
    return statistics(x), statistics(y), float(4 * KNOWN[1] ** 2 + ((scales - 1) ** 2).sum())


def test_intervals_cover_a_known_distance() -> None:
    scored = [(score_frechet(x, y), truth) for x, y, truth in (known_sets(200, seed) for seed in range(200))]
    expected = np.mean([one.primary.value or 0 for one, _ in scored])
    own = [one.primary.interval for one, _ in scored]
    assert 0.9 <= np.mean([one is not None and one.low <= expected <= one.high for one in own]) <= 0.99
    corrected = [(one.metrics["frechet_extrapolated"], truth) for one, truth in scored]
    hits = [one.interval is not None and one.interval.low <= truth <= one.interval.high for one, truth in corrected]
    assert 0.9 <= np.mean(hits) <= 0.99
    truth = scored[0][1]
    assert expected - truth > 2 * abs(np.mean([one.value or 0 for one, _ in corrected]) - truth)
    assert own[0] is not None
    assert own[0].method == "delta-method-normal"


def test_few_items_are_marked_and_unscored_ones_counted() -> None:
    x, y, _ = known_sets(300, seed=0)
    x.count({"not_finite": 2})
    few = score_frechet(x, y, metric="fvd", protocol="frechet@i3d", enough=2048).primary
    assert (few.metric, few.protocol, few.n, few.unscored) == ("fvd", "frechet@i3d", 302, {"not_finite": 2})
    assert (few.interval is not None and few.interval.note, few.higher_is_better) == ("small_n", False)
    plain = score_frechet(x, y).primary
    assert plain.interval is not None
    assert plain.interval.note == ""
    assert extrapolated_distance(statistics(draws(9, 4, seed=1)), y, 1.0) is None


def test_large_numbers_lose_their_interval_without_a_warning() -> None:
    scored = score_frechet(*(statistics(draws(30, 3, seed=seed, scale=1e100)) for seed in (1, 2)))
    assert scored.primary.value == pytest.approx(by_nuclear_norm(*(draws(30, 3, seed=seed) for seed in (1, 2))) * 1e200)
    assert scored.primary.interval is None
    for scale in (1e154, 1e160, 1e300, 1e307):
        sides = (statistics(draws(n, 3, seed=seed, scale=scale)) for seed, n in ((1, 3), (2, 60)))
        with pytest.raises(StatisticsError, match="squares fit float64"):
            score_frechet(*sides)
    with pytest.raises(StatisticsError, match="squares fit float64"):
        distance(np.zeros((3, 2)), np.full((3, 2), 1e200))


def test_the_one_row_and_the_broken_reference_are_refused() -> None:
    good, bad = feature_set(np.eye(3)), feature_set(np.array([[1.0, np.inf, 0], [0, 0, 0], [1, 1, 1]]))
    with pytest.raises(EvalsError, match="without faults, found 1 not_finite"):
        require_pair("fid", good, bad, least=2)
    require_pair("fid", bad, good, least=2)
    with pytest.raises(EvalsError, match="at least 3 rows of finite features, found 2"):
        require_pair("fid", bad, good, least=3)


def test_gaussians_of_nothing_merge() -> None:
    empty = Gaussian.empty(2)
    empty.merge(Gaussian.empty(2))
    empty.add(np.zeros((0, 2)))
    assert (empty.n, empty.mean.tolist()) == (0, [0, 0])
