"""Percentile intervals from resampling clusters: items that share an image, a video or a dialogue stay together."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from evals.errors import StatisticsError
from evals.results.schema import Interval

FloatArray = npt.NDArray[np.float64]
Statistic = Callable[[FloatArray], FloatArray]

SMALL_ITEMS: Final = 200
SMALL_CLUSTERS: Final = 50
_DRAWS_PER_CHUNK: Final = 200_000  # 1.6 MB of indices and as much of weights at a time: they stay in the cache


def cluster_sums(values: FloatArray, clusters: Sequence[str]) -> FloatArray:
    """Sufficient statistics summed per cluster.

    Args:
        values: One row an item, [n, k] float64.
        clusters: Name of each item's cluster, n of them.

    Returns:
        [clusters, k] float64, in the sorted order of cluster names, so that the order of items does not matter.

    Raises:
        StatisticsError: If `values` is not two-dimensional or the lengths differ.
    """
    if values.ndim != 2 or len(values) != len(clusters):
        expected, found = f"values of shape [{len(clusters)}, k]", f"shape {list(values.shape)}"
        raise StatisticsError("cluster_sums", expected=expected, found=found)
    index = {name: position for position, name in enumerate(sorted(set(clusters)))}
    codes = np.fromiter(map(index.__getitem__, clusters), dtype=np.intp, count=len(clusters))
    sums = np.empty((len(index), values.shape[1]))
    for column in range(values.shape[1]):
        sums[:, column] = np.bincount(codes, weights=values[:, column], minlength=len(index))
    return sums


def mean_of_sums(totals: FloatArray) -> FloatArray:
    """The statistic "mean": column 0 (summed values) over column 1 (item counts), [r, 2] -> [r]."""
    return np.asarray(totals[:, 0] / totals[:, 1])


def cluster_interval(
    sums: FloatArray, statistic: Statistic, *, n_items: int, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Interval | None:
    """Percentile bootstrap interval of a statistic of summed quantities, clusters drawn with replacement.

    A resample draws as many clusters as there are; the interval runs between the (1-level)/2 and (1+level)/2
    quantiles (linear interpolation). It is as sure as percentile intervals are: too narrow for small samples (see
    `Interval.note`), and of width 0 if all clusters have the same value.

    Args:
        sums: Sufficient statistics summed per cluster, [clusters, k] float64.
        statistic: Maps resampled totals [r, k] to values [r]; nan or infinite where undefined (0/0 is fine).
        n_items: How many items stand behind `sums`; decides on the note alone.

    Returns:
        None for no items, for fewer than two clusters (their spread cannot be known), and where the statistic is
        undefined for more than half of the resamples. Undefined resamples are otherwise left out.

    Raises:
        StatisticsError: If an argument is out of its range.

    Source: Davison and Hinkley 1997, Bootstrap Methods and their Application, sections 3.8 and 5.3.
    """
    return cluster_intervals(sums, [statistic], n_items=n_items, level=level, resamples=resamples, seed=seed)[0]


def cluster_intervals(
    sums: FloatArray,
    statistics: Sequence[Statistic],
    *,
    n_items: int,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Interval | None]:
    """`cluster_interval` for several statistics of the same sums, over the same resamples, which are drawn once."""
    check_settings(sums, level=level, resamples=resamples)
    if n_items < 1 or len(sums) < 2:
        return [None] * len(statistics)
    totals = np.concatenate(list(resampled_totals(sums, resamples, seed)))  # [resamples, k]
    method = f"cluster-bootstrap-percentile-{resamples}"
    with np.errstate(divide="ignore", invalid="ignore"):
        return [
            percentile_interval(statistic(totals), level=level, method=method, n_items=n_items, n_clusters=len(sums))
            for statistic in statistics
        ]


def resampled_totals(sums: FloatArray, resamples: int, seed: int) -> Iterator[FloatArray]:
    """Totals of resampled clusters, [r, k] a chunk, `resamples` rows in all; the same for the same arguments."""
    if seed < 0:
        raise StatisticsError("seed", expected="a whole number from 0", found=str(seed))
    generator = np.random.default_rng(seed)
    n_clusters = len(sums)
    rows_per_chunk = max(1, _DRAWS_PER_CHUNK // n_clusters)
    for start in range(0, resamples, rows_per_chunk):
        rows = min(rows_per_chunk, resamples - start)
        drawn = generator.integers(0, n_clusters, size=(rows, n_clusters))
        drawn += np.arange(rows)[:, None] * n_clusters
        weights = np.bincount(drawn.ravel(), minlength=rows * n_clusters).reshape(rows, n_clusters)
        yield weights.astype(np.float64) @ sums


def percentile_interval(
    values: FloatArray, *, level: float, method: str, n_items: int, n_clusters: int
) -> Interval | None:
    """The central `level` of the finite values; None if more than half of them are not finite."""
    finite = values[np.isfinite(values)]
    if 2 * len(finite) < len(values):
        return None
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    is_small = n_items < SMALL_ITEMS or n_clusters < SMALL_CLUSTERS
    return Interval(float(low), float(high), level, method, "small_n" if is_small else "")


def check_settings(sums: FloatArray, *, level: float, resamples: int) -> None:
    """Refuse sums that are not a finite table, a level outside (0, 1), and no resamples."""
    if sums.ndim != 2 or not np.isfinite(sums).all():
        found = f"shape {list(sums.shape)}" if sums.ndim != 2 else "nan or infinite values"
        raise StatisticsError("cluster sums", expected="finite values, [clusters, k]", found=found)
    if not 0 < level < 1:
        raise StatisticsError("level", expected="a share between 0 and 1, such as 0.95", found=str(level))
    if resamples < 1:
        raise StatisticsError("resamples", expected="at least 1", found=str(resamples))
