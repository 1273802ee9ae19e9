"""Is the candidate run better or worse than the baseline on the very same items?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from evals.errors import StatisticsError
from evals.results.schema import Interval
from evals.statistics.bootstrap import FloatArray, Statistic, check_settings, percentile_interval, resampled_totals

_EXACT_CLUSTERS: Final = 12  # up to 4,096 exchanges are enumerated
_DRAWS_PER_CHUNK: Final = 200_000  # small enough to stay in the cache
_TIE_TOLERANCE: Final = 1e-10  # sums in another order differ in the last bits; equal differences must stay equal


@dataclass(frozen=True)
class PairedDifference:
    """Candidate minus baseline, in the unit of the statistic.

    `p_value` is two-sided, against "the two runs are exchangeable within each cluster"; never 0. `interval` is None
    where it is undefined (see `cluster_interval`).
    """

    difference: float
    interval: Interval | None
    p_value: float
    n_items: int
    n_clusters: int


def paired_difference(
    baseline: FloatArray,
    candidate: FloatArray,
    statistic: Statistic,
    *,
    n_items: int,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> PairedDifference:
    """Difference of a statistic between two runs over the same items.

    The interval resamples clusters with the same weights for both runs. The p value exchanges the two runs'
    sums within randomly chosen clusters: all exchanges if at most 12 clusters differ at all, else `resamples` random
    ones with the observed arrangement counted in.

    Args:
        baseline: Sufficient statistics summed per cluster, [clusters, k] float64.
        candidate: The same for the other run, row for row the same clusters.
        statistic: Maps totals [r, k] to values [r].
        n_items: How many items stand behind the sums.

    Raises:
        StatisticsError: If shapes differ, there is nothing to compare, or the statistic is undefined for a run.

    Source: Davison and Hinkley 1997, section 4.3; Phipson and Smyth 2010, arXiv:1603.05766 (p values are never 0).
    """
    _check_pair(baseline, candidate, n_items=n_items, level=level, resamples=resamples)
    observed = _observed_difference(baseline, candidate, statistic)
    method = f"paired-cluster-bootstrap-percentile-{resamples}"
    interval = None
    if len(baseline) > 1:
        interval = percentile_interval(
            _resampled_differences(baseline, candidate, statistic, resamples=resamples, seed=seed),
            level=level,
            method=method,
            n_items=n_items,
            n_clusters=len(baseline),
        )
    p_value = _exchange_p_value(baseline, candidate, statistic, observed=observed, resamples=resamples, seed=seed)
    return PairedDifference(observed, interval, p_value, n_items, len(baseline))


def _check_pair(baseline: FloatArray, candidate: FloatArray, *, n_items: int, level: float, resamples: int) -> None:
    for sums in (baseline, candidate):
        check_settings(sums, level=level, resamples=resamples)
    if baseline.shape != candidate.shape:
        expected = f"both runs with sums of shape {list(baseline.shape)}"
        found, remedy = f"{list(candidate.shape)} in the candidate", "compare runs over the same items"
        raise StatisticsError("paired difference", expected=expected, found=found, remedy=remedy)
    if n_items < 1 or len(baseline) < 1:
        raise StatisticsError("paired difference", expected="at least one item", found="none")


def _observed_difference(baseline: FloatArray, candidate: FloatArray, statistic: Statistic) -> float:
    totals = np.stack([baseline.sum(axis=0), candidate.sum(axis=0)])
    with np.errstate(divide="ignore", invalid="ignore"):
        values = statistic(totals)
    if not np.isfinite(values).all():
        raise StatisticsError("paired difference", expected="a value for each run", found=str(values.tolist()))
    return float(values[1] - values[0])


def _resampled_differences(
    baseline: FloatArray, candidate: FloatArray, statistic: Statistic, *, resamples: int, seed: int
) -> FloatArray:
    width = baseline.shape[1]
    differences = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for totals in resampled_totals(np.hstack([baseline, candidate]), resamples, seed):
            differences.append(statistic(totals[:, width:]) - statistic(totals[:, :width]))
    return np.concatenate(differences)


def _exchange_p_value(
    baseline: FloatArray, candidate: FloatArray, statistic: Statistic, *, observed: float, resamples: int, seed: int
) -> float:
    """Share of exchanges at least as far from 0 as the observed difference; undefined ones count as far."""
    changes = candidate - baseline
    changes = changes[np.any(changes != 0, axis=1)]
    is_exact = len(changes) <= _EXACT_CLUSTERS
    exchanges = _all_exchanges(len(changes)) if is_exact else _random_exchanges(len(changes), resamples, seed)
    baseline_total, candidate_total = baseline.sum(axis=0), candidate.sum(axis=0)
    n_as_far, n_exchanges = 0, 0
    for exchanged in exchanges:
        moved = exchanged @ changes  # [r, k]
        with np.errstate(divide="ignore", invalid="ignore"):
            lower, upper = statistic(baseline_total + moved), statistic(candidate_total - moved)
        tolerance = _TIE_TOLERANCE * (np.abs(lower) + np.abs(upper))
        n_as_far += int(np.count_nonzero(~(np.abs(upper - lower) < abs(observed) - tolerance)))
        n_exchanges += len(exchanged)
    return n_as_far / n_exchanges if is_exact else (n_as_far + 1) / (n_exchanges + 1)


def _all_exchanges(n_clusters: int) -> Iterator[FloatArray]:
    patterns = np.arange(2**n_clusters)[:, None] >> np.arange(n_clusters)[None, :]
    yield (patterns & 1).astype(np.float64)  # [2^clusters, clusters]


def _random_exchanges(n_clusters: int, resamples: int, seed: int) -> Iterator[FloatArray]:
    generator = np.random.default_rng([seed, 1])  # a stream of its own beside the bootstrap's
    rows_per_chunk = max(1, _DRAWS_PER_CHUNK // n_clusters)
    for start in range(0, resamples, rows_per_chunk):
        rows = min(rows_per_chunk, resamples - start)
        yield generator.integers(0, 2, size=(rows, n_clusters), dtype=np.int8).astype(np.float64)
