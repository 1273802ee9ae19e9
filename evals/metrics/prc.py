"""Precision and recall of generated sets: who lies within the other set's neighbourhoods.

Source: Kynkaanniemi et al. 2019, arXiv:1904.06991; toshas/torch-fidelity@5b1e99c, metric_prc.py (defaults; the
rules, written anew).
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from evals.errors import EvalsError
from evals.metrics.feature_sets import BoolArray, Features, FeatureSet, mean_metric, require_pair
from evals.results.schema import Metric, Scored
from evals.statistics.bootstrap import FloatArray, cluster_interval

NEIGHBOURHOOD: Final = 3
_BLOCK_ROWS: Final = 1000


def score_precision_recall(
    generated: FeatureSet,
    real: FeatureSet,
    *,
    protocol: str = "prc@features",
    neighbourhood: int = NEIGHBOURHOOD,
    seed: int = 0,
) -> Scored:
    """Precision, the share of generated items among the real ones; `recall`, the other way round; and `f_score`.

    The intervals hold the other set and its neighbourhoods fixed; that of `f_score` draws from the items of both.
    Rows are items: media with several rows each would get too narrow intervals.

    Args:
        neighbourhood: An item's neighbourhood reaches to its neighbour of this number.
        seed: Of the bootstrap.

    Raises:
        EvalsError: If a set has no more items than `neighbourhood`, the widths differ, the real set has faults, or
            numbers are too far apart for float64.
    """
    require_pair("precision and recall", generated, real, least=neighbourhood + 1)
    x, y = _of_size_one(generated.rows(), real.rows())
    precise, recalled = (is_covered(*pair, neighbourhood).astype(np.float64) for pair in ((x, y), (y, x)))
    ends = 0.0, 1.0
    precision = mean_metric(
        "precision", protocol, precise, unscored=generated.reasons, ends=ends, unit="fraction", seed=seed
    )
    recall = mean_metric("recall", protocol, recalled, unscored={}, ends=ends, unit="fraction", seed=seed)
    parts = np.zeros((len(precise) + len(recalled), 4))
    parts[: len(precise), :2] = np.column_stack([precise, np.ones(len(precise))])
    parts[len(precise) :, 2:] = np.column_stack([recalled, np.ones(len(recalled))])
    f_score = float(_f_scores(parts.sum(axis=0, keepdims=True))[0])
    interval = cluster_interval(parts, _f_scores, n_items=min(len(precise), len(recalled)), seed=seed)
    combined = Metric("f_score", protocol, f_score, "fraction", True, generated.n, generated.reasons, interval=interval)
    return Scored(primary=precision, metrics={"recall": recall, "f_score": combined}, breakdown={}, rows=())


def _of_size_one(generated: Features, real: Features) -> list[Features]:
    """Both about the real median (an outlier draws the mean away), up to 1 or so, so that no square overflows.

    In float64 where squares of small numbers would be lost beside those of the largest.
    """
    sizes = np.concatenate([np.abs(one).max(axis=1) for one in (generated, real)])
    largest, least = sizes.max(), np.min(sizes, where=sizes > 0, initial=np.inf)
    if least < 1e-138 * largest:
        raise EvalsError("precision and recall", expected="features whose squares fit float64", found=f"{largest:g}")
    dtype = np.result_type(generated, real, np.float64 if least < 1e-6 * largest else np.float32)
    scaled = [np.ldexp(one.astype(dtype), -np.frexp(largest)[1]) for one in (generated, real)]
    centre = np.median(scaled[1], axis=0)
    return [one - centre for one in scaled]


def _f_scores(totals: FloatArray) -> FloatArray:
    """Of sums of precise items, their number, recalled items, theirs, [r, 4] -> [r]; the published guard of 0 / 0."""
    precision, recall = totals[:, 0] / totals[:, 1], totals[:, 2] / totals[:, 3]
    return np.asarray(2 * precision * recall / np.maximum(1e-5, precision + recall))


def is_covered(items: Features, others: Features, neighbourhood: int) -> BoolArray:
    """Which items [n, d] are no farther from one of the others [m, d] than that one's neighbour, [n]."""
    radii = np.concatenate(
        [np.partition(block, neighbourhood, axis=1)[:, neighbourhood] for block in _squares(others, others)]
    )
    return np.concatenate([(block <= radii).any(axis=1) for block in _squares(items, others)])


def _squares(first: Features, second: Features) -> Iterator[Features]:
    """Squared distances, some rows of `first` at a time, [rows, m]; those within rounding of 0 are 0."""
    lengths = [np.einsum("nd,nd->n", one, one) for one in (first, second)]
    smallest = 8 * np.finfo(first.dtype).eps
    for start in range(0, len(first), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        sums = lengths[0][rows, None] + lengths[1]
        squares = sums - 2 * (first[rows] @ second.T)
        squares[squares < smallest * sums] = 0
        yield squares
