"""Referring expressions against MiniGPT-v2's script and exact arithmetic, and the laws of a metric."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.errors import PredictionError
from evals.metrics.rec import RecProtocol, box_ious, inclusive_box_ious, score_rec
from evals.results.schema import Bounds, Unscored
from shards.errors import UsageError
from shards.formats.refcoco import RecReference

GOLDEN = Path(__file__).parents[1] / "golden" / "refcoco"


def reference(identifier: str = "1", *, object_id: str = "", width: float = 100) -> RecReference:
    return RecReference(identifier, width, 100, (10, 20, 30, 40), "the cup", image_id="7", object_id=object_id)


def golden() -> tuple[list[RecReference], dict[str, str], dict[str, Any]]:
    cases = [json.loads(line) for line in (GOLDEN / "cases.jsonl").read_text().splitlines()]
    references = [
        RecReference(
            id=str(case["id"]),
            width=case["width"],
            height=case["height"],
            bbox=tuple(case["bbox"]),
            expression=case["sents"],
            image_id=case["img_id"][:27],
            object_id=case["img_id"],
        )
        for case in cases
    ]
    predictions = {str(case["id"]): case["pred"] for case in cases}
    return references, predictions, json.loads((GOLDEN / "expected.json").read_text())


@pytest.mark.parametrize(
    ("protocol", "field"),
    [
        ("refcoco@iou.5", "standard"),
        ("refcoco@minigpt-v2", "official_no_resample"),
        ("refcoco@minigpt-v2-accept-all", "official_accept_all"),
    ],
)
def test_golden_items_and_totals(protocol: RecProtocol, field: str) -> None:
    references, predictions, expected = golden()
    scored = score_rec(references, predictions, protocol=protocol)
    assert [row.value or 0.0 for row in scored.rows] == [item[field] for item in expected["items"]]
    assert scored.primary.value == expected["totals"][field]["accuracy"]
    assert scored.primary.n == expected["totals"]["n"]
    assert scored.primary.protocol == protocol


@pytest.mark.parametrize(
    ("protocol", "field"),
    [("refcoco@iou.5", "standard_iou"), ("refcoco@minigpt-v2-accept-all", "official_iou")],
)
def test_golden_overlaps(protocol: RecProtocol, field: str) -> None:
    references, predictions, expected = golden()
    scored = score_rec(references, predictions, protocol=protocol)
    for row, item in zip(scored.rows, expected["items"], strict=True):
        assert row.metrics.get("iou") == pytest.approx(item[field], abs=1e-12)


def test_protocols_differ_where_the_readings_do() -> None:
    answers = {
        "{<10><20><40><60>}": (1.0, 1.0, 1.0),
        " {<10> <20><40><60>} <unk>": (1.0, 1.0, 1.0),
        "the cup {<10><20><40><60>}": (1.0, None, 1.0),
        "10 20 40 60": (None, None, None),  # without its blanks one number
        "10, 20, 40, 60": (None, None, 1.0),
        "{<10><20><40><60>}5": (1.0, None, None),  # a fifth number
        "{<10><20><40><60>}{<0><0><9><9>}": (1.0, None, None),
        "{<40><60><10><20>}": (0.0, 0.0, 0.0),  # inverted
        "{<010><20><40><60>}": (1.0, 1.0, 1.0),
        "{<1000><20><40><60>}": (None, None, 0.0),
        "{<10><20><40>}": (None, None, None),
        "": (None, None, None),
        "<" + "9" * 5000 + "><1><2><3>": (None, None, None),
    }
    protocols: tuple[RecProtocol, ...] = ("refcoco@iou.5", "refcoco@minigpt-v2", "refcoco@minigpt-v2-accept-all")
    for answer, values in answers.items():
        for protocol, value in zip(protocols, values, strict=True):
            row = score_rec([reference()], {"1": answer}, protocol=protocol).rows[0]
            assert (row.value, row.unscored) == (value, None if value is not None else "parse_failure"), (
                answer,
                protocol,
            )


def test_half_is_not_enough() -> None:
    truth = RecReference("1", 100, 100, (0, 0, 50, 100), "")
    assert score_rec([truth], {"1": "{<0><0><100><100>}"}).primary.value == 0.0  # IoU is exactly 1/2
    assert score_rec([truth], {"1": "{<0><0><99><100>}"}).primary.value == 100.0


def test_last_reference_of_an_object_gives_its_size_under_minigpt_v2() -> None:
    references = [reference("1", object_id="a", width=1000), reference("2", object_id="a")]
    answers = {"1": "{<10><20><40><60>}", "2": "{<10><20><40><60>}"}
    assert score_rec(references, answers).primary.value == 50.0
    assert score_rec(references, answers, protocol="refcoco@minigpt-v2").primary.value == 100.0


def test_unscored_expressions_count_as_wrong_and_widen_the_bounds() -> None:
    references = [reference(str(number)) for number in range(4)]
    scored = score_rec(references, {"0": "{<10><20><40><60>}", "1": "no box", "2": Unscored("refusal")})
    assert scored.primary.value == 25.0
    assert scored.primary.unscored == {"parse_failure": 1, "refusal": 1, "missing": 1}
    assert scored.primary.bounds == Bounds(25.0, 100.0)
    assert [row.cluster for row in scored.rows] == ["7"] * 4


def test_faults_are_named() -> None:
    with pytest.raises(PredictionError, match="1 unknown, such as '9'"):
        score_rec([reference()], {"9": ""})
    with pytest.raises(UsageError, match="expected boxes of grammar grid100, found pixel"):
        score_rec([], {}, boxes="pixel", protocol="refcoco@minigpt-v2")


def test_no_expressions_have_no_value() -> None:
    scored = score_rec([], {})
    assert (scored.primary.value, scored.primary.n, scored.rows) == (None, 0, [])


def test_other_grammars() -> None:
    for boxes, answer in (
        ("unit", "[0.1, 0.2, 0.4, 0.6]"),
        ("grid1000", "(100,200),(400,600)"),
        ("pixel", "[10, 20, 40, 60]"),
    ):
        assert score_rec([reference()], {"1": answer}, boxes=boxes).rows[0].metrics["iou"] == pytest.approx(1)  # type: ignore[arg-type]


SIDES = st.integers(min_value=-3, max_value=12)
BOXES = st.tuples(SIDES, SIDES, SIDES, SIDES)


def exact_iou(first: tuple[int, ...], second: tuple[int, ...], *, extra: int) -> Fraction | None:
    """Both conventions in exact arithmetic: extra pixels 0 with areas cut at 0, or 1 without."""
    sides = [min(first[2 + axis], second[2 + axis]) - max(first[axis], second[axis]) + extra for axis in (0, 1)]
    overlap = max(0, sides[0]) * max(0, sides[1])
    least = 0 if extra == 0 else -(10**9)
    areas = [max(least, box[2] - box[0] + extra) * max(least, box[3] - box[1] + extra) for box in (first, second)]
    union = sum(areas) - overlap
    if union == 0:
        return None if extra else Fraction(0)
    return Fraction(overlap, union)


@given(BOXES, BOXES)
def test_overlap_equals_exact_arithmetic(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    arrays = np.array([first], dtype=np.float64), np.array([second], dtype=np.float64)
    assert box_ious(*arrays)[0] == pytest.approx(float(exact_iou(first, second, extra=0) or 0), abs=1e-12)
    inclusive = exact_iou(first, second, extra=1)
    expected = np.nan if inclusive is None else float(inclusive)
    assert inclusive_box_ious(*arrays)[0] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    assert box_ious(*arrays)[0] == box_ious(*arrays[::-1])[0]


ANSWERS = st.lists(
    st.one_of(st.text(max_size=20), BOXES.map(lambda box: "{" + "".join(f"<{abs(v) * 8}>" for v in box) + "}")),
    max_size=20,
)


@given(ANSWERS, st.sampled_from(["refcoco@iou.5", "refcoco@minigpt-v2", "refcoco@minigpt-v2-accept-all"]))
def test_laws_of_range_order_and_batches(texts: list[str], protocol: RecProtocol) -> None:
    references = [reference(str(number)) for number in range(len(texts))]
    answers = {str(number): text for number, text in enumerate(texts)}
    whole, backwards = (score_rec(part, answers, protocol=protocol) for part in (references, references[::-1]))
    assert whole.rows == backwards.rows[::-1]
    assert whole.primary == backwards.primary
    assert whole.primary.value is None or 0 <= whole.primary.value <= 100
    single = [score_rec([one], {one.id: answers[one.id]}, protocol=protocol).rows[0] for one in references]
    assert single == whole.rows


@given(BOXES)
def test_law_of_identity(corners: tuple[int, ...]) -> None:
    left, top = sorted((abs(corners[0]), abs(corners[2]) + 13)), sorted((abs(corners[1]), abs(corners[3]) + 13))
    truth = RecReference("1", 100, 100, (left[0], top[0], left[1] - left[0], top[1] - top[0]), "")
    answer = f"{{<{left[0]}><{top[0]}><{left[1]}><{top[1]}>}}"
    assert score_rec([truth], {"1": answer}).rows[0].metrics["iou"] == pytest.approx(1.0, abs=1e-12)
