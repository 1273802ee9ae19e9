"""What generation metrics share: sets of features with their unscored rows, means over items, the delta method."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from evals.errors import EvalsError
from evals.results.schema import Bounds, Interval, Metric, Unit
from evals.statistics.bootstrap import SMALL_ITEMS, FloatArray, Statistic, cluster_interval, mean_of_sums

Features = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]
BLOCK_ROWS: Final = 512


@dataclass(frozen=True)
class FeatureSet:
    """Features of generated or of real media, which are the items.

    Args:
        array: [rows, d] (or [n, frames, d]) of floating point; may be mapped from a file.
        is_finite: Which rows are of items that hold only finite numbers, [rows]; the other items are unscored.
        unscored: How many items have no features at all, by reason.
        starts: Which rows are the first of their item, [rows].
        clusters: What items share, such as the name of their medium, [n]; empty where each stands alone.
    """

    array: Features
    is_finite: BoolArray
    unscored: Mapping[str, int]
    starts: BoolArray
    clusters: Sequence[str] = ()

    @property
    def n(self) -> int:
        """Items, unscored ones too."""
        return int(np.count_nonzero(self.starts)) + sum(self.unscored.values())

    @property
    def reasons(self) -> dict[str, int]:
        """How many items each reason left unscored."""
        n_broken = int(np.count_nonzero(self.starts & ~self.is_finite))
        return {**self.unscored, **({"not_finite": n_broken} if n_broken else {})}

    def rows(self) -> Features:
        """The finite rows; no copy where all are."""
        return self.array if self.is_finite.all() else self.array[self.is_finite]

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator[tuple[Features, BoolArray]]:
        """The finite rows of a few items at a time, and which of them start an item."""
        for rows in np.split(np.arange(len(self.array)), np.flatnonzero(self.starts)[size::size]):
            kept = rows[self.is_finite[rows]]
            yield self.array[kept], self.starts[kept]


def feature_set(array: Features, *, unscored: Mapping[str, int] | None = None) -> FeatureSet:
    """Features of items with one row each; those that hold nan or infinity are marked."""
    blocks = [array[start : start + BLOCK_ROWS] for start in range(0, len(array), BLOCK_ROWS)]
    marks = [np.ones(0, dtype=np.bool_), *(np.isfinite(one).all(axis=tuple(range(1, one.ndim))) for one in blocks)]
    return FeatureSet(array, np.concatenate(marks), unscored or {}, np.ones(len(array), dtype=np.bool_))


def joined(media: Sequence[Features], *, unscored: Mapping[str, int] | None = None) -> FeatureSet:
    """Features of items with one row [1, d] or several [rows, d]; an item with nan or infinity is marked as a whole."""
    is_finite = np.concatenate([np.full(len(one), np.isfinite(one).all()) for one in media])
    starts = np.concatenate([np.arange(len(one)) == 0 for one in media])
    return FeatureSet(np.concatenate(media), is_finite, unscored or {}, starts)


def require_pair(metric: str, generated: FeatureSet, real: FeatureSet, *, least: int) -> None:
    """Refuse sets of another width, with too few rows, and reference sets that are not whole.

    Raises:
        EvalsError: As described; broken generated items are counted instead, see `FeatureSet.reasons`.
    """
    if generated.array.shape[-1] != real.array.shape[-1]:
        found = f"{generated.array.shape[-1]} generated and {real.array.shape[-1]} real"
        raise EvalsError(metric, expected="features of the same width d", found=found, remedy="use one embedder")
    if real.reasons:
        found = ", ".join(f"{count} {reason}" for reason, count in real.reasons.items())
        raise EvalsError(f"{metric}, real", expected="a reference set without faults", found=found)
    require_rows(metric, generated, least=least)
    require_rows(f"{metric}, real", real, least=least)


def require_rows(metric: str, features: FeatureSet, *, least: int) -> None:
    """Refuse a set with fewer than `least` finite rows."""
    n_finite = int(np.count_nonzero(features.is_finite))
    if n_finite < least:
        raise EvalsError(metric, expected=f"at least {least} rows of finite features", found=str(n_finite))


def delta_interval(
    value: float, variance: float, *, n: int, least: float = -np.inf, enough: int = SMALL_ITEMS, level: float = 0.95
) -> Interval | None:
    """Normal interval from a variance by the delta method; None where the variance is unknown.

    Args:
        value: The estimate.
        variance: Of the estimate: the variance of the items' influences over their number.
        n: Items; fewer than `enough` are noted as "small_n".
        least: The metric's lowest possible value.
    """
    if not np.isfinite(variance):
        return None
    half = NormalDist().inv_cdf((1 + level) / 2) * float(np.sqrt(variance))
    low, high = max(least, value - half), max(least, value + half)
    return Interval(low, high, level, "delta-method-normal", "small_n" if n < enough else "")


def mean_variance(influences: FloatArray) -> float:
    """Variance of a mean over independent items, from their values [n]; nan for fewer than two."""
    with np.errstate(over="ignore", invalid="ignore"):  # what exceeds float64 has no interval
        return float(influences.var(ddof=1) / len(influences)) if len(influences) > 1 else float("nan")


def mean_metric(
    name: str,
    protocol: str,
    values: FloatArray,
    *,
    unscored: Mapping[str, int],
    ends: tuple[float, float] | None,
    unit: Unit = "raw",
    statistic: Statistic = mean_of_sums,
    seed: int,
) -> Metric:
    """The mean of the scored items' values, higher is better unless it has no ends.

    Args:
        name: Of the metric.
        protocol: Its rules.
        values: Of the scored items, [n]; or their sums and counts by cluster, [clusters, 2].
        unscored: The others, by reason.
        ends: Lowest and highest value of an item, None where there is no highest and lower is better.
        unit: Of the metric.
        statistic: Maps summed values and counts [r, 2] to the metric.
        seed: Of the bootstrap.
    """
    sums = values if values.ndim == 2 else np.column_stack([values, np.ones(len(values))])
    n_unscored = sum(unscored.values())
    n = int(sums[:, 1].sum()) + n_unscored
    bounds = None
    if ends is not None and n_unscored:
        bounds = Bounds(*statistic(np.array([[sums[:, 0].sum() + n_unscored * end, n] for end in ends])).tolist())
    value = float(statistic(sums.sum(axis=0, keepdims=True))[0]) if len(values) else None
    interval = cluster_interval(sums, statistic, n_items=n - n_unscored, seed=seed)
    return Metric(name, protocol, value, unit, ends is not None, n, unscored, bounds, interval)
