"""Numbers that are one sum over items divided by another: accuracies, means, precision, recall, F1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from evals.metrics.outcomes import NO_METRICS, counted
from evals.results.schema import Bounds, ItemRow, Metric, Unit
from evals.statistics.bootstrap import FloatArray, Statistic, cluster_interval, cluster_sums, mean_of_sums

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scoring:
    """What all numbers of one scoring share; ids, clusters and reasons in the order of the items, [n] each.

    Attributes:
        reasons: Why an item is unscored, None where it is scored.
        seed: Of the bootstrap, which draws clusters.
    """

    protocol: str
    ids: Sequence[str]
    clusters: Sequence[str]
    reasons: Sequence[str | None]
    seed: int

    @cached_property
    def is_open(self) -> BoolArray:
        """Which items are unscored, [n]."""
        return np.array([reason is not None for reason in self.reasons], dtype=bool)

    def mean(self, name: str, values: FloatArray, *, unit: Unit = "percent") -> Metric:
        """The mean of item values between 0 and 1, [n]; an unscored item counts as wrong, whatever stands there."""
        wrong, right = (np.column_stack([np.where(self.is_open, end, values), np.ones(len(values))]) for end in (0, 1))
        return self.ratio(name, wrong, right=right, unit=unit)

    def ratio(
        self,
        name: str,
        parts: FloatArray,
        *,
        right: FloatArray | None,
        wrong: FloatArray | None = None,
        of: BoolArray | None = None,
        unit: Unit = "percent",
    ) -> Metric:
        """The sum of column 0 over the sum of column 1; no value where that is 0.

        Args:
            parts: [n, 2] float64.
            right: `parts` if each unscored item were right, None if the number has no right end.
            wrong: `parts` if each were wrong; as they are if None.
            of: Which items the number is about, [n]; all if None.
        """
        scale = 100.0 if unit == "percent" else 1.0
        value, low, high = (_quotient(each, scale) for each in (parts, parts if wrong is None else wrong, right))
        bounds = None if low is None or high is None else Bounds(low, high)

        def statistic(sums: FloatArray) -> FloatArray:
            return scale * mean_of_sums(sums)

        return self.number(name, value=value, bounds=bounds, parts=parts, statistic=statistic, of=of, unit=unit)

    def number(
        self,
        name: str,
        *,
        value: float | None,
        bounds: Bounds | None,
        parts: FloatArray,
        statistic: Statistic,
        of: BoolArray | None = None,
        unit: Unit = "fraction",
    ) -> Metric:
        """A number whose interval resamples a statistic of `parts` [n, k], summed over clusters.

        Clusters without an item that the number is about are not drawn; bounds are shown where one is unscored.
        """
        meant = np.ones(len(parts), dtype=bool) if of is None else of
        unscored = counted(compress(self.reasons, meant.tolist()))
        clusters = list(compress(self.clusters, meant.tolist()))
        sums = cluster_sums(np.asarray(parts[meant], dtype=np.float64), clusters)
        interval = None if value is None else cluster_interval(sums, statistic, n_items=len(clusters), seed=self.seed)
        shown = bounds if unscored else None
        return Metric(name, self.protocol, value, unit, True, len(clusters), unscored, shown, interval)

    def rows(self, values: FloatArray, further: Sequence[Mapping[str, float]] | None = None) -> list[ItemRow]:
        """One row an item, with the further values of the scored ones."""
        others = further or [NO_METRICS] * len(self.ids)
        return [
            ItemRow(name, value, None, cluster, other)
            if reason is None
            else ItemRow(name, None, reason, cluster, NO_METRICS)
            for name, value, reason, cluster, other in zip(
                self.ids, values.tolist(), self.reasons, self.clusters, others, strict=True
            )
        ]


def percents(groups: Sequence[str], values: FloatArray) -> dict[str, float]:
    """Mean of item values of each group in percent, groups in order of appearance.

    Summed in the items' order and divided last, as VQA's official scorer does.
    """
    code_of = {name: code for code, name in enumerate(dict.fromkeys(groups))}
    codes = np.fromiter(map(code_of.__getitem__, groups), dtype=np.int64, count=len(groups))
    shares = 100 * np.bincount(codes, weights=values) / np.bincount(codes)
    return dict(zip(code_of, shares.tolist(), strict=True))


def percent_by(groups: Sequence[str], values: FloatArray) -> dict[str, float]:
    """Mean of item values, 0 where unscored, of each group in percent; groups sorted, the empty name left out."""
    return {name: share for name, share in sorted(percents(groups, values).items()) if name}


class Clustered(Protocol):
    """An item with an id, and what it shares with others ("" if nothing)."""

    @property
    def id(self) -> int | str: ...
    @property
    def cluster(self) -> int | str: ...


def scoring_of(items: Sequence[Clustered], reasons: Sequence[str | None], protocol: str, seed: int) -> Scoring:
    """The scoring of these items; each is its own cluster where it names none."""
    ids = [str(item.id) for item in items]
    clusters = [str(item.cluster) or name for item, name in zip(items, ids, strict=True)]
    return Scoring(protocol, ids, clusters, reasons, seed)


def linearised(metric: Metric) -> Metric:
    """The metric with an interval that says that it resamples the linear part of a number that is no function of sums.

    Source: Davison and Hinkley 1997, section 2.7 (the nonparametric delta method).
    """
    if metric.interval is None:
        return metric
    interval = msgspec.structs.replace(metric.interval, method=f"{metric.interval.method}-linearised")
    return msgspec.structs.replace(metric, interval=interval)


def _quotient(parts: FloatArray | None, scale: float) -> float | None:
    numerator, denominator = (0.0, 0.0) if parts is None else parts.sum(axis=0).tolist()
    return scale * numerator / denominator if denominator else None
