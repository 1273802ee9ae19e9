"""Referring expressions: the share of expressions whose predicted box overlaps the meant object by more than half.

Source: Yu et al. 2016, arXiv:1608.00272 (IoU > 0.5); Vision-CAIR/MiniGPT-4@d94738a, eval_ref.py (the two
`minigpt-v2` protocols; the rules, written anew).
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np

from evals.metrics.outcomes import NO_METRICS, outcomes, reasons_of
from evals.metrics.ratios import Scoring
from evals.results.schema import Bounds, Metric, Scored, Unscored
from evals.statistics.bootstrap import FloatArray
from shards.errors import UsageError
from shards.formats.boxes import GRID100, BoxGrammar, boxes_to_pixels, cleaned_grid100, parse_box, stacked
from shards.formats.refcoco import RecReference

RecProtocol = Literal["refcoco@iou.5", "refcoco@minigpt-v2", "refcoco@minigpt-v2-accept-all"]
"""How an answer becomes a box, and how overlap is measured.

refcoco@iou.5                  the first box anywhere in the answer; areas are products of side lengths, and an
                               inverted box has none
refcoco@minigpt-v2             the answer must start with `{<a><b><c><d>}` and hold no fifth number; every side of a
                               box and of the overlap counts one pixel more than its length
refcoco@minigpt-v2-accept-all  any answer with exactly four whole numbers; what `--resample` ends in when the model
                               keeps giving the same answer
"""

THRESHOLD: Final = 0.5
_DIGITS: Final = re.compile(r"\d+")


def score_rec(
    references: Sequence[RecReference],
    predictions: Mapping[str, str | Unscored],
    *,
    boxes: BoxGrammar = "grid100",
    protocol: RecProtocol = "refcoco@iou.5",
    seed: int = 0,
) -> Scored:
    """Accuracy in percent: the share of expressions with an IoU above 0.5, unscored ones counted as wrong.

    An answer without a box is `unscored("parse_failure")`, an absent one `unscored("missing")`. Row metric: "iou",
    absent where the minigpt-v2 protocols divide by an area of 0.
    Under the minigpt-v2 protocols the last reference with an `object_id` gives size and box to all that share it.

    Args:
        boxes: The grammar that the model was asked to write; the minigpt-v2 protocols know only grid100.
        seed: Of the bootstrap, which draws images.

    Raises:
        PredictionError: If a prediction is for an unknown id, or is no text.
        UsageError: If the protocol does not know the grammar.
    """
    if protocol != "refcoco@iou.5" and boxes != "grid100":
        raise UsageError(f"protocol {protocol}", expected="boxes of grammar grid100", found=boxes)
    found = outcomes([reference.id for reference in references], predictions, place="REC predictions")
    parsed = [_parsed(outcome, boxes, protocol) for outcome in found]
    ious = _ious(references, stacked(parsed), boxes=boxes, protocol=protocol)
    is_right = (ious > THRESHOLD).astype(np.float64)
    clusters = [reference.image_id or reference.id for reference in references]
    ids = [reference.id for reference in references]
    scoring = Scoring(protocol, ids, clusters, reasons_of(found, parsed), seed)
    rows = scoring.rows(is_right, [{"iou": iou} if math.isfinite(iou) else NO_METRICS for iou in ious.tolist()])
    return Scored(primary=_accuracy_metric(scoring, is_right), metrics={}, breakdown={}, rows=rows)


def box_ious(first: FloatArray, second: FloatArray) -> FloatArray:
    """Intersection over union of boxes x1, y1, x2, y2, [n, 4] each, as areas in the plane.

    An inverted box has area 0. 0 where both areas are 0; nan where a box is nan.
    """
    return _shares(first, second, extra_px=0, least_px=0.0, empty=0.0)


def inclusive_box_ious(first: FloatArray, second: FloatArray) -> FloatArray:
    """Intersection over union with one pixel added to every side, as MiniGPT-v2 is scored.

    Areas of inverted boxes are not cut at 0, so that two flipped sides give a positive area; nan where the union is 0.
    """
    return _shares(first, second, extra_px=1, least_px=-math.inf, empty=math.nan)


def _shares(first: FloatArray, second: FloatArray, *, extra_px: int, least_px: float, empty: float) -> FloatArray:
    """Overlaps over unions, each side with the extra and at least so long; `empty` where the union is 0."""
    sides = np.minimum(first[:, 2:], second[:, 2:]) - np.maximum(first[:, :2], second[:, :2])
    overlaps = np.prod(np.maximum(sides + extra_px, 0), axis=1)
    areas = [np.prod(np.maximum(box[:, 2:] - box[:, :2] + extra_px, least_px), axis=1) for box in (first, second)]
    unions = areas[0] + areas[1] - overlaps
    return np.asarray(np.divide(overlaps, unions, out=np.full_like(unions, empty), where=unions != 0))


def _parsed(outcome: str | Unscored, boxes: BoxGrammar, protocol: RecProtocol) -> Sequence[float] | None:
    """The answer's box in the grammar's units, None if it has none under this protocol."""
    if isinstance(outcome, Unscored):
        return None
    if protocol == "refcoco@iou.5":
        return parse_box(outcome, boxes)
    text = cleaned_grid100(outcome)
    if protocol == "refcoco@minigpt-v2" and GRID100.match(text) is None:
        return None
    numbers = _DIGITS.findall(text)
    try:
        return [float(int(number)) for number in numbers] if len(numbers) == 4 else None
    except (ValueError, OverflowError):  # thousands of digits: the original fails on the item
        return None


def _ious(
    references: Sequence[RecReference], parsed: FloatArray, *, boxes: BoxGrammar, protocol: RecProtocol
) -> FloatArray:
    """IoU of each parsed box with the meant object, [n]; nan where there is no box."""
    if protocol != "refcoco@iou.5":
        last = {reference.object_id: reference for reference in references if reference.object_id}
        references = [last.get(reference.object_id, reference) for reference in references]
    sizes_px = np.array([(reference.width, reference.height) for reference in references]).reshape(-1, 2)
    truths_px = np.array([reference.bbox for reference in references], dtype=np.float64).reshape(-1, 4)
    overlap = box_ious if protocol == "refcoco@iou.5" else inclusive_box_ious
    with np.errstate(over="ignore", invalid="ignore"):  # files may name absurdly large numbers
        truths_px[:, 2:] += truths_px[:, :2]
        return overlap(boxes_to_pixels(parsed, sizes_px, boxes), truths_px)


def _accuracy_metric(scoring: Scoring, is_right: FloatArray) -> Metric:
    """The percentage with the official order of operations, which `Scoring.mean` has not."""
    parts = np.column_stack([is_right, np.ones(len(is_right))])

    def percent(totals: FloatArray) -> FloatArray:
        return np.asarray(totals[:, 0] / totals[:, 1] * 100)

    ends = np.array([[is_right.sum() + n, len(is_right)] for n in (0, scoring.is_open.sum())])
    bounds = Bounds(*percent(ends).tolist()) if len(is_right) else None
    value = bounds.all_wrong if bounds else None
    return scoring.number("rec_accuracy", value=value, bounds=bounds, parts=parts, statistic=percent, unit="percent")
