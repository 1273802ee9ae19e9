"""AUROC: how often an item of class 1 is scored above one of class 0."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from evals.errors import PredictionError
from evals.metrics.outcomes import MISSING, reason_of
from evals.metrics.ratios import BoolArray, linearised, scoring_of
from evals.results.schema import Bounds, Scored, Unscored
from evals.statistics.bootstrap import FloatArray
from shards.formats.answers import BinaryTruth
from shards.formats.predictions import check_ids


def score_auroc(items: Sequence[BinaryTruth], scores: Mapping[str, float | Unscored], *, seed: int = 0) -> Scored:
    """AUROC as a fraction, ties counted half; no value without items of both classes.

    An unscored item counts as wrong: below all others if its class is 1, above them if it is 0. The interval
    resamples the statistic's linear part (the items' placements), as its exact value is no function of a few sums.
    Row value: the share of the other class's items on the right side of this one.

    Args:
        scores: Score by item id as text, finite; larger speaks for class 1.
        seed: Of the bootstrap, which draws clusters.

    Raises:
        PredictionError: If a score is for an unknown item, or is no finite number.

    Source: Hanley and McNeil 1982, Radiology 143, page 29 (Mann-Whitney); DeLong et al. 1988, Biometrics 44, page 837.
    """
    check_ids(scores, {str(item.id) for item in items}, "scores")
    found = [scores.get(str(item.id), MISSING) for item in items]
    for item, outcome in zip(items, found, strict=True):
        if not isinstance(outcome, Unscored) and not np.isfinite(outcome):
            raise PredictionError(f"scores, id {item.id}", expected="a finite number", found=str(outcome))
    scoring = scoring_of(items, [reason_of(outcome) for outcome in found], "auroc", seed)
    label = np.array([item.label == 1 for item in items], dtype=bool)
    known = np.array([0.0 if isinstance(outcome, Unscored) else outcome for outcome in found], dtype=np.float64)
    wrong, right = (np.where(scoring.is_open, np.where(label, end, -end), known) for end in (-np.inf, np.inf))
    placed = placements(label, wrong)
    value, best = (area(label, places) for places in (placed, placements(label, right)))
    parts = np.column_stack([placed * label, label, placed * ~label, ~label])
    bounds = None if value is None or best is None else Bounds(value, best)
    linear = partial(_linear, value or 0.0)
    primary = linearised(scoring.number("auroc", value=value, bounds=bounds, parts=parts, statistic=linear))
    return Scored(primary=primary, metrics={}, breakdown={}, rows=scoring.rows(placed))


def placements(label: BoolArray, scores: FloatArray) -> FloatArray:
    """Share of the other class's items on the right side of each item, ties counted half, [n]; 0 without others."""
    placed = np.zeros(len(scores))
    for own, other, side in ((label, ~label, 1.0), (~label, label, -1.0)):
        others = np.sort(side * scores[other])
        if len(others):
            ends = [np.searchsorted(others, side * scores[own], end) for end in ("left", "right")]
            placed[own] = (ends[0] + ends[1]) / (2 * len(others))
    return placed


def area(label: BoolArray, placed: FloatArray) -> float | None:
    """AUROC from placements: their mean over class 1; None if a class is empty."""
    return float(placed[label].mean()) if 0 < label.sum() < len(label) else None


def _linear(value: float, sums: FloatArray) -> FloatArray:
    """AUROC to first order: the mean placements of both classes, [r, 4] -> [r]."""
    return np.clip(sums[:, 0] / sums[:, 1] + sums[:, 2] / sums[:, 3] - value, 0, 1)
