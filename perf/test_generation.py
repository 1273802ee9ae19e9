"""Generation metrics at 2048 features, beside what the published tools compute, written out with numpy and scipy.

torch-fidelity needs torchvision, so its formulas stand here in its place; pytorch-fid's is one call of scipy's.
"""

import tracemalloc
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg
from peers import beside
from pytest_benchmark.fixture import BenchmarkFixture

from evals.metrics.feature_sets import feature_set
from evals.metrics.frechet import frechet_distance, score_frechet
from evals.metrics.gaussians import FeatureStatistics
from evals.metrics.kernel_distance import kernel_distances
from evals.metrics.prc import score_precision_recall

WIDTH = 2048
Array = npt.NDArray[np.float32]


def features(n: int, *, seed: int, width: int = WIDTH) -> Array:
    """Not negative, correlated, of falling variances, as a network's pooled activations are."""
    rng = np.random.default_rng(seed)
    spread = np.geomspace(1, 0.05, width, dtype=np.float32)
    hidden = rng.standard_normal((n, 64), dtype=np.float32) @ rng.standard_normal((64, width), dtype=np.float32) / 16
    return np.abs(rng.standard_normal((n, width), dtype=np.float32) * spread + hidden)


def by_eigenvalues(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """torch-fidelity 0.4 and torchmetrics 1.9."""
    return float(np.sqrt(np.linalg.eigvals(first @ second).astype(complex)).real.sum())


def by_matrix_root(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """pytorch-fid 0.3, clean-fid 0.1.35."""
    return float(np.trace(scipy.linalg.sqrtm(first @ second)).real)


@pytest.mark.parametrize("peer", [by_eigenvalues, by_matrix_root])
def test_frechet_distance(benchmark: BenchmarkFixture, peer: object) -> None:
    sides = [FeatureStatistics.of(feature_set(features(5000, seed=seed))).whole for seed in (0, 1)]
    covariances = [side.scatter / (side.n - 1) for side in sides]
    step, found = sides[0].mean - sides[1].mean, []
    value = beside(
        benchmark,
        lambda: frechet_distance(*sides),
        n=1,
        peer=lambda: found.append(peer(*covariances)),  # type: ignore[operator]
    )
    expected = step @ step + sum(np.trace(one) for one in covariances) - 2 * found[0]
    assert value == pytest.approx(expected, rel=1e-6)


def test_frechet_score_with_intervals(benchmark: BenchmarkFixture) -> None:
    sides = [FeatureStatistics.of(feature_set(features(5000, seed=seed))) for seed in (0, 1)]
    assert beside(benchmark, lambda: score_frechet(*sides), n=1, rounds=1).primary.value


def published_kernel_distances(x: Array, y: Array) -> npt.NDArray[np.float64]:
    """torch-fidelity 0.4, in the features' float32."""
    draws, values = np.random.RandomState(2020), np.zeros(100)
    for number in range(100):
        a, b = (side[draws.choice(len(side), 1000, replace=False)] for side in (x, y))
        aa, bb, ab = ((np.matmul(p, q.T) * (1 / WIDTH) + 1) ** 3 for p, q in ((a, a), (b, b), (a, b)))
        within = sum((one.sum(axis=1) - np.diagonal(one)).sum() for one in (aa, bb))
        values[number] = within / (1000 * 999) - 2 * ab.sum() / 1000**2
    return values


def test_kernel_distance(benchmark: BenchmarkFixture) -> None:
    x, y = features(5000, seed=0), features(5000, seed=1)
    expected: list[npt.NDArray[np.float64]] = []
    found = beside(
        benchmark,
        lambda: kernel_distances(x, y),
        n=100,
        peer=lambda: expected.append(published_kernel_distances(x, y)),
        rounds=2,
    )
    np.testing.assert_allclose(found.values, expected[0], atol=1e-5)


def test_precision_and_recall(benchmark: BenchmarkFixture) -> None:
    sides = [feature_set(features(5000, seed=seed)) for seed in (0, 1)]
    assert beside(benchmark, lambda: score_precision_recall(*sides), n=5000, rounds=1).primary.value is not None


@pytest.mark.parametrize("n", [3_125, 12_500, 50_000])
def test_accumulation(benchmark: BenchmarkFixture, tmp_path: Path, n: int) -> None:
    """Features in a file, so that what the process holds beside them shows."""
    path = tmp_path / "features.npy"
    table = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, WIDTH))
    for start in range(0, n, 3125):
        table[start : start + 3125] = features(3125, seed=start)
    del table
    mapped = feature_set(np.load(path, mmap_mode="r"))
    tracemalloc.start()
    gathered = beside(benchmark, lambda: FeatureStatistics.of(mapped), n=n, rounds=1)
    benchmark.extra_info["held_mib"] = tracemalloc.get_traced_memory()[1] >> 20
    tracemalloc.stop()
    assert gathered.n == n
    benchmark.extra_info["file_mib"] = path.stat().st_size >> 20
