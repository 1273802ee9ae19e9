"""Inception Score: how sure and how varied the classes of generated media are.

Source: Salimans et al. 2016, arXiv:1606.03498; toshas/torch-fidelity@5e211a9, metric_isc.py (defaults; the rules,
written anew).
"""

from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from evals.metrics.feature_sets import Features, FeatureSet, delta_interval, mean_variance, require_rows
from evals.results.schema import Metric, Scored
from evals.statistics.bootstrap import FloatArray

SPLITS: Final = 10
SEED: Final = 2020


def score_inception(
    logits: FeatureSet, *, protocol: str = "inception_score@logits", splits: int = SPLITS, seed: int = SEED
) -> Scored:
    """Mean Inception Score over splits of the shuffled items, and `is_std`, their spread.

    The interval is for the expected score of a split of this size; where a split is of one item, it is told by the
    spread of the splits' scores. Rows are items.

    Args:
        logits: A classifier's outputs before the softmax, [n, classes].
        splits: Parts of the shuffled items that are scored apart.
        seed: Of the shuffle, which is torch-fidelity's.

    Raises:
        EvalsError: If there are fewer items than splits.
    """
    require_rows("inception score", logits, least=splits)
    parts = split_divergences(logits.rows(), splits=splits, seed=seed)
    scores = np.array([np.exp(part.mean()) for part in parts])
    variance = sum(score**2 * mean_variance(part) for score, part in zip(scores, parts, strict=True)) / splits**2
    if not np.isfinite(variance):
        variance = mean_variance(scores)
    value, n, unscored = float(scores.mean()), logits.n, logits.reasons
    interval = delta_interval(value, variance, n=sum(map(len, parts)), least=1.0)
    primary = Metric("inception_score", protocol, value, "raw", True, n, unscored, interval=interval)
    spread = Metric("is_std", protocol, float(scores.std()), "raw", False, n, unscored)
    return Scored(primary=primary, metrics={"is_std": spread}, breakdown={}, rows=())


def split_divergences(logits: Features, *, splits: int, seed: int) -> list[FloatArray]:
    """KL divergence of each item's classes from its split's mean, in nats, one array a split."""
    order = np.random.RandomState(seed).permutation(len(logits))  # the published shuffle
    bounds = [split * len(logits) // splits for split in range(splits + 1)]
    return [_divergences(log_softmax(logits[order[start:end]])) for start, end in pairwise(bounds)]


def log_softmax(logits: npt.NDArray[Any]) -> FloatArray:
    """Logarithms of the probabilities, [n, classes] float64; finite where the probabilities are 0 in float64."""
    shifted: FloatArray = logits.astype(np.float64)
    with np.errstate(over="ignore"):
        shifted = np.maximum(shifted - shifted.max(axis=1, keepdims=True), np.finfo(np.float64).min / 2)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def _divergences(log_probabilities: FloatArray) -> FloatArray:
    probabilities = np.exp(log_probabilities)
    mean = probabilities.mean(axis=0)
    log_mean = np.log(mean, out=np.zeros_like(mean), where=mean > 0)
    return np.asarray(np.einsum("nk,nk->n", probabilities, log_probabilities - log_mean))
