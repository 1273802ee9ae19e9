"""What a scored benchmark is: plain numbers and names, the same whoever made the predictions."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

RESULT_SCHEMA: Final = "anymodal.result/1"

Unit = Literal["percent", "fraction", "raw"]


class Interval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A confidence interval in the unit of its result.

    `note` is "small_n" where fewer than 200 items or 50 clusters stand behind it, or fewer than the protocol asks for;
    else empty.
    """

    low: float
    high: float
    level: float
    method: str
    note: Literal["", "small_n"] = ""


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The value if every unscored item were wrong, and if every one were right."""

    all_wrong: float
    all_right: float


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number with all that is needed to read it.

    `value` is None when the official rule has no value for these items (for example no items at all);
    `bounds` is None when nothing is unscored or the metric has no upper end. `ratio_of` names two item metrics where
    the value is the sum of the first over the sum of the second and no mean over items; comparisons pair by them.
    """

    metric: str
    protocol: str
    value: float | None
    unit: Unit
    higher_is_better: bool
    n: int
    unscored: Mapping[str, int] = {}
    bounds: Bounds | None = None
    interval: Interval | None = None
    ratio_of: tuple[str, str] | None = None


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The result JSON: the primary metric at the top level, all metrics by name and breakdowns below it.

    `protocol_id` hashes everything that the number depends on except the model; numbers with different ids are
    never compared, averaged or gated together. `metrics` holds the primary metric once more, so that every number is
    found by its name. `breakdown` maps a facet (such as "answer_type") to the primary metric's value per group.
    """

    metric: str
    protocol: str
    protocol_id: str
    value: float | None
    unit: Unit
    higher_is_better: bool
    n: int
    unscored: Mapping[str, int]
    bounds: Bounds | None
    interval: Interval | None
    metrics: Mapping[str, Metric]
    breakdown: Mapping[str, Mapping[str, float]]
    ratio_of: tuple[str, str] | None = None
    schema: Literal["anymodal.result/1"] = RESULT_SCHEMA


class Unscored(msgspec.Struct, frozen=True):
    """Stands where a prediction should: why this item has none.

    Usual reasons: missing, refusal, parse_failure, missing_media, judge_failure, adapter_error.
    """

    reason: str


class ItemRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One scored item.

    `value` is the primary metric's item value as a fraction or in raw units, None where `unscored` names a reason, and
    where the metric compares sets, so that items have no values. `cluster` is what items share (image, video,
    dialogue); `metrics` holds the further item values.
    """

    id: str
    value: float | None
    unscored: str | None
    cluster: str
    metrics: Mapping[str, float] = {}


class Scored(msgspec.Struct, frozen=True):
    """What a scorer returns: everything of a `Result` but its protocol id, and one row an item."""

    primary: Metric
    metrics: Mapping[str, Metric]
    breakdown: Mapping[str, Mapping[str, float]]
    rows: Sequence[ItemRow]

    def result(self, protocol_id: str) -> Result:
        """The result JSON's object under the given protocol id."""
        fields = {name: getattr(self.primary, name) for name in Metric.__struct_fields__}
        metrics = {self.primary.metric: self.primary, **self.metrics}
        return Result(**fields, protocol_id=protocol_id, metrics=metrics, breakdown=self.breakdown)


def encode_result(result: Result) -> bytes:
    """Canonical JSON of a result: sorted names, one trailing newline, no NaN."""
    return msgspec.json.format(msgspec.json.encode(result, order="sorted"), indent=2) + b"\n"
