"""Kernel distance (KID): the unbiased squared maximum mean discrepancy under (x.y/d + 1)^3, over random subsets.

Source: Binkowski et al. 2018, arXiv:1801.01401; toshas/torch-fidelity@2a4d96b, metric_kid.py (defaults and draws; the
rules, written anew).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from evals.errors import EvalsError
from evals.metrics.feature_sets import Features, FeatureSet, delta_interval, mean_variance, require_pair
from evals.results.schema import Metric, Scored
from evals.statistics.bootstrap import FloatArray

SUBSETS: Final = 100
SUBSET_SIZE: Final = 1000
SEED: Final = 2020
_BLOCK_ROWS: Final = 500


@dataclass(frozen=True)
class KernelDistances:
    """The distance of each pair of subsets, and the variance of their mean as an estimate of the sets' distance."""

    values: FloatArray
    variance: float


class _Sums(NamedTuple):
    """Kernel sums over each subset [s], and each item's mean kernel with the items drawn on the other side."""

    totals: FloatArray
    row_means: FloatArray
    column_means: FloatArray


@np.errstate(over="ignore", invalid="ignore")  # what does not fit is refused at the end
def kernel_distances(
    generated: Features, real: Features, *, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE, seed: int = SEED
) -> KernelDistances:
    """Kernel distance between random subsets, in the features' precision; 0 on average for equal distributions.

    Args:
        generated: [n, d].
        real: [m, d].
        subsets: How many pairs of subsets are drawn.
        subset_size: Items in each.
        seed: Of the draws, which are torch-fidelity's.

    Raises:
        EvalsError: If a set has fewer items than a subset, there are no subsets, or the features are too large.
    """
    n_least = min(len(generated), len(real))
    if subsets < 1 or not 2 <= subset_size <= n_least:
        expected = f"subsets, with --subset-size from 2 to {n_least}, as many items as the smaller set has"
        raise EvalsError("kernel distance", expected=expected, found=f"{subsets} subsets of {subset_size}")
    draws = np.random.RandomState(seed)  # the published draws
    sizes = len(generated), len(real)
    drawn = np.array([[draws.choice(n, subset_size, replace=False) for n in sizes] for _ in range(subsets)])
    values, influences, visits = np.zeros(subsets), [np.zeros(n) for n in sizes], [np.zeros(n) for n in sizes]
    for numbers, sides in _parts(drawn, sizes):
        x, y = (_scaled(features[rows]) for features, (rows, _) in zip((generated, real), sides, strict=True))
        (_, u), (_, v) = sides
        within_x, within_y, between = (_kernel_sums(*one) for one in ((x, x, u, u), (y, y, v, v), (x, y, u, v)))
        within = (within_x.totals + within_y.totals) / (subset_size * (subset_size - 1))
        values[numbers] = within - 2 * between.totals / subset_size**2
        steps = within_x.row_means - between.row_means, within_y.row_means - between.column_means
        for side, (rows, _) in enumerate(sides):
            influences[side][rows] += steps[side]
            visits[side][rows] += 1
    if not np.isfinite(values).all():
        found = f"{np.abs(generated).max():g} and {np.abs(real).max():g} at most"
        raise EvalsError("kernel distance", expected=f"features whose sixth powers fit {x.dtype}", found=found)
    return KernelDistances(values, _variance(values, influences, visits))


def score_kernel_distance(
    generated: FeatureSet,
    real: FeatureSet,
    *,
    protocol: str = "kernel@features",
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = SEED,
) -> Scored:
    """Mean kernel distance over subsets, and `kid_std`, their spread, which is no error of the mean.

    Rows are drawn one by one: media with several rows each would get too narrow an interval.

    Raises:
        EvalsError: If a set is too small, the widths differ or the real set has faults.
    """
    require_pair("kernel distance", generated, real, least=2)
    rows = generated.rows(), real.rows()
    distances = kernel_distances(*rows, subsets=subsets, subset_size=subset_size, seed=seed)
    value, n_least = float(distances.values.mean()), min(map(len, rows))
    interval = delta_interval(value, distances.variance, n=n_least)
    primary = Metric("kid", protocol, value, "raw", False, generated.n, generated.reasons, interval=interval)
    std = float(distances.values.std())
    spread = Metric("kid_std", protocol, std, "raw", False, generated.n, generated.reasons)
    return Scored(primary=primary, metrics={"kid_std": spread}, breakdown={}, rows=())


_Membership = npt.NDArray[np.float32]
_Side = tuple[npt.NDArray[np.intp], _Membership]


def _parts(drawn: npt.NDArray[np.intp], sizes: tuple[int, int]) -> Iterator[tuple[slice, list[_Side]]]:
    """Subsets to do together, and on each side the rows that they need with their membership [subsets, rows].

    All at once share one kernel matrix; of large sets most pairs are in no subset, so each is done alone.
    """
    n_subsets, _, subset_size = drawn.shape
    if sizes[0] * sizes[1] > n_subsets * subset_size**2:
        everyone = np.ones((1, subset_size), dtype=np.float32)
        for number in range(n_subsets):
            yield slice(number, number + 1), [(rows, everyone) for rows in drawn[number]]
        return
    sides: list[_Side] = []
    for side, size in enumerate(sizes):
        membership = np.zeros((n_subsets, size), dtype=np.float32)
        np.put_along_axis(membership, drawn[:, side], 1, axis=1)
        sides.append((np.arange(size), membership))
    yield slice(0, n_subsets), sides


def _scaled(features: Features) -> Features:
    scaled: Features = np.array(features, dtype=np.result_type(features, np.float32), order="C")
    scaled /= float(np.sqrt(features.shape[1]))
    return scaled


def _kernel_sums(x: Features, y: Features, u: _Membership, v: _Membership) -> _Sums:
    """Sums of k(x_i, y_j) over subsets given as memberships u [s, n], v [s, m]; for x is y without i = j."""
    totals, rows, columns = np.zeros(len(u)), np.zeros(len(x)), np.zeros(len(y))
    drawn_u, drawn_v = u.sum(axis=0), v.sum(axis=0)
    for start in range(0, len(x), _BLOCK_ROWS):
        block, first = slice(start, start + _BLOCK_ROWS), start if x is y else 0
        kernel = x[block] @ y[first:].T
        kernel += 1
        kernel *= kernel * kernel
        if x is y:  # the triangle below the blocks on the diagonal is added by symmetry
            size = len(kernel)
            np.fill_diagonal(kernel, 0)
            kernel[:, :size] /= 2
        totals += np.einsum("sj,sj->s", u[:, block] @ kernel, v[:, first:], dtype=np.float64)
        rows[block] += kernel @ drawn_v[first:]
        columns[first:] += drawn_u[block] @ kernel
    if x is y:
        totals, rows = 2 * totals, rows + columns
        return _Sums(totals, rows / np.maximum(1, drawn_v.sum() - drawn_v), columns)
    return _Sums(totals, rows / drawn_v.sum(), columns / drawn_u.sum())


def _variance(values: FloatArray, influences: list[FloatArray], visits: list[FloatArray]) -> float:
    """Of the mean: twice the items' mean kernel differences on both sides, and the chance of the draws."""
    sampling = 0.0
    for sums, counts in zip(influences, visits, strict=True):
        seen = counts > 0
        sampling += 4 * mean_variance(sums[seen] / counts[seen]) * np.count_nonzero(seen) / len(seen)
    return sampling + float(values.var() / len(values))
