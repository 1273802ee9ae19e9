"""Mean and covariance of features in one pass: constant memory, any order, any batches, merged over workers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from evals.errors import StatisticsError
from evals.metrics.feature_sets import BoolArray, Features, FeatureSet
from evals.statistics.bootstrap import FloatArray

SAMPLE_ITEMS: Final = 1024
_HASH_SEED: Final = 20170626


@dataclass
class Gaussian:
    """Count, mean [d] and scatter (sum of outer products about the mean) [d, d] of the rows added so far, float64.

    Source: Chan, Golub and LeVeque 1983, The American Statistician 37(3) (adding and merging without cancellation).
    """

    n: int
    mean: FloatArray
    scatter: FloatArray

    @classmethod
    def empty(cls, width: int) -> "Gaussian":
        """Of no rows."""
        return cls(0, np.zeros(width), np.zeros((width, width)))

    @np.errstate(over="ignore", invalid="ignore")  # what does not fit is refused when it is asked for
    def add(self, rows: FloatArray) -> None:
        """Add rows [k, d] float64."""
        if len(rows):
            mean = rows.mean(axis=0)
            centred = np.empty((len(rows) + 1, len(mean)))
            np.subtract(rows, mean, out=centred[:-1])
            self._take(len(rows), mean, centred)

    @np.errstate(over="ignore", invalid="ignore")
    def merge(self, other: "Gaussian") -> None:
        """Add all rows of another one."""
        if other.n:
            self.scatter += other.scatter
            self._take(other.n, other.mean, np.empty((1, len(self.mean))))

    def _take(self, n: int, mean: FloatArray, centred: FloatArray) -> None:
        """Add `n` rows: `centred` about their mean, with room in the last row for the step between the means."""
        step = mean - self.mean
        centred[-1] = step * np.sqrt(self.n * n / (self.n + n))
        self.scatter += centred.T @ centred
        self.n += n
        self.mean = self.mean + step * (n / self.n)


@dataclass
class FeatureStatistics:
    """All that distances between Gaussians and their intervals need of a set of features.

    A hash of each item's numbers puts it into one of two halves, and makes it one of the `SAMPLE_ITEMS` that are kept,
    so the same items give the same statistics (up to rounding) in any order and any batches.

    Args:
        halves: The two halves' Gaussians.
        sample: The rows of the items with the smallest hashes, [rows of <= SAMPLE_ITEMS, d] float64.
        hashes: Their items', ascending.
        starts: Which of them are the first of their item.
        n: Items added so far.
        unscored: Generated items without finite features, by reason.
    """

    halves: tuple[Gaussian, Gaussian]
    sample: FloatArray
    hashes: npt.NDArray[np.uint64]
    starts: BoolArray
    n: int = 0
    unscored: dict[str, int] = field(default_factory=dict)

    @classmethod
    def empty(cls, width: int) -> "FeatureStatistics":
        """Of no items."""
        halves = Gaussian.empty(width), Gaussian.empty(width)
        return cls(halves, np.zeros((0, width)), np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.bool_))

    @classmethod
    def of(cls, features: FeatureSet) -> "FeatureStatistics":
        """Of a whole set, in one pass."""
        statistics = cls.empty(features.array.shape[-1])
        for block in features.blocks():
            statistics.update(*block)
        statistics.count(features.reasons)
        return statistics

    @property
    def whole(self) -> Gaussian:
        """Of both halves."""
        whole = Gaussian.empty(self.sample.shape[1])
        for half in self.halves:
            whole.merge(half)
        return whole

    def update(self, rows: Features, starts: BoolArray | None = None) -> None:
        """Add finite features [k, d] of whole items, and which rows are the first of one; None where each is one.

        Raises:
            StatisticsError: If the width differs, or a row is not finite (count those by `count`).
        """
        rows = finite_rows(rows, self.sample.shape[1])
        starts = np.ones(len(rows), dtype=np.bool_) if starts is None else starts
        firsts = np.flatnonzero(starts)
        sizes = np.diff(firsts, append=len(rows))
        means = np.add.reduceat(rows / np.repeat(sizes, sizes)[:, None], firsts)
        hashes = np.repeat(_row_hashes(means), sizes)
        for number, half in enumerate(self.halves):
            half.add(rows[hashes % np.uint64(2) == number])
        self._sample(rows, hashes, starts)
        self.n += len(firsts)

    def merge(self, other: "FeatureStatistics") -> None:
        """Add all that another worker saw."""
        for half, its in zip(self.halves, other.halves, strict=True):
            half.merge(its)
        self.n += other.n
        self._sample(other.sample, other.hashes, other.starts)
        self.count(other.unscored)

    def count(self, unscored: Mapping[str, int]) -> None:
        """Note items without features."""
        for reason, count in unscored.items():
            self.unscored[reason] = self.unscored.get(reason, 0) + count

    def _sample(self, rows: FloatArray, hashes: npt.NDArray[np.uint64], starts: BoolArray) -> None:
        if np.count_nonzero(self.starts) == SAMPLE_ITEMS:
            is_near = hashes < self.hashes[-1]
            rows, hashes, starts = rows[is_near], hashes[is_near], starts[is_near]
        if len(rows):
            hashes, starts = np.concatenate([self.hashes, hashes]), np.concatenate([self.starts, starts])
            order = np.argsort(hashes, kind="stable")  # so the rows of an item stay together
            nearest = order[np.cumsum(starts[order]) <= SAMPLE_ITEMS]
            self.sample = np.concatenate([self.sample, rows])[nearest]
            self.hashes, self.starts = hashes[nearest], starts[nearest]


def finite_rows(rows: Features, width: int) -> FloatArray:
    """Features [k, width] in float64.

    Raises:
        StatisticsError: If they are of another shape, or not finite.
    """
    is_finite = np.isfinite(rows).all()
    if rows.ndim != 2 or rows.shape[1] != width or not is_finite:
        found = f"shape {list(rows.shape)}" + ("" if is_finite else " with nan or infinity")
        raise StatisticsError("feature statistics", expected=f"finite rows [k, {width}]", found=found)
    return np.ascontiguousarray(rows, dtype=np.float64)


def _row_hashes(rows: FloatArray) -> npt.NDArray[np.uint64]:
    """64 bits of each row [k, d] that depend on its numbers alone: a multilinear hash with splitmix64's finish."""
    odd = np.random.default_rng(_HASH_SEED).integers(0, 2**63, rows.shape[1], dtype=np.uint64) * np.uint64(2)
    bits = rows.view(np.uint64)
    mixed: npt.NDArray[np.uint64] = (bits ^ (bits >> np.uint64(31))) @ (odd + np.uint64(1))
    steps: tuple[tuple[int, Any], ...] = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
    for shift, factor in steps:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed
