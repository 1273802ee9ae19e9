"""VQA accuracy against the official scorer's figures, its quirks one by one, and the laws of a metric."""

import json
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.errors import AnnotationError, PredictionError
from evals.metrics.vqa import VqaRevision, score_vqa, vqa_accuracies
from evals.metrics.vqa_words import plain_words, without_punctuation
from evals.results.schema import Bounds, Unscored
from shards.formats.vqa import VqaAnswer, VqaTruth, read_annotations, read_results

GOLDEN = Path(__file__).parents[1] / "golden" / "vqa"
REVISIONS: dict[VqaRevision, str] = {
    "official": "revision_2021_03",
    "official-before-2021": "revision_before",
}


def truth(texts: Sequence[str], *, question_id: int = 1, image_id: int = 7, kind: str = "other") -> VqaTruth:
    answers = tuple(VqaAnswer(text, "yes", number) for number, text in enumerate(texts, start=1))
    return VqaTruth(question_id, image_id, f"what {kind}", kind, answers)


def accuracy(texts: Sequence[str], answer: str, revision: VqaRevision = "official") -> float:
    return float(vqa_accuracies([truth(texts)], [answer], revision=revision)[0])


@pytest.mark.parametrize(("revision", "block"), REVISIONS.items())
def test_golden_figures_to_the_last_bit_and_rounded(revision: VqaRevision, block: str) -> None:
    expected: dict[str, Any] = json.loads((GOLDEN / "expected.json").read_text())[block]
    scored = score_vqa(
        read_annotations(GOLDEN / "annotations.json"), read_results(GOLDEN / "results.json"), revision=revision
    )
    assert scored.primary.value == pytest.approx(expected["overall"], abs=1e-12)
    assert scored.primary.protocol == f"vqa@{revision}"
    assert {row.id: 100 * (row.value or 0.0) for row in scored.rows} == pytest.approx(expected["evalQA"], abs=1e-12)
    assert scored.breakdown["question_type"] == pytest.approx(expected["perQuestionType"], abs=1e-12)
    assert scored.breakdown["answer_type"] == pytest.approx(expected["perAnswerType"], abs=1e-12)
    two_places = Decimal(scored.primary.value or 0.0).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert str(two_places) == {"official": "64.65", "official-before-2021": "32.00"}[revision]


@pytest.mark.parametrize(("matches", "expected"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (9, 1.0)])
def test_leave_one_out_of_ten(matches: int, expected: float) -> None:
    texts = ["cat"] * matches + [f"other {letter}" for letter in "bcdefghijk"][matches:]
    assert accuracy(texts, "cat") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b", "a b"),  # no blank beside the comma: it becomes one
        ("a, b", "a b"),
        ("a, b,c", "a bc"),  # the condition looks at the whole text
        ("1,000-2", "10002"),  # a comma between digits deletes every mark
        ("3.", "3"),
        ("3.5 .5 a.5", "3.5 .5 a.5"),
        ("." * 33, "."),  # the flag re.UNICODE, 32, stands where the count belongs
        ("it's: 50% & #1", "it's: 50% & #1"),
        ("٣,٣", "٣ ٣"),  # only ASCII digits make a number
        ("- -", " "),
    ],
)
def test_punctuation(text: str, expected: str) -> None:
    assert without_punctuation(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("None of THE Ten", "0 of 10"),
        ("a an the", ""),
        ("dont cant", "don't can't"),
        ("couldnt've couldn'tve couldntve", "couldn't've couldn't've couldntve"),
        ("'ows'at yalld've y'alldve", "'ow's'at yalld've y'alldve"),
        ("somebody'd Im shes hell its were", "somebodyd im shes hell its were"),
        ("two\u00a0cats", "2 cats"),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert plain_words(text) == expected


def test_equal_ground_truths_are_not_normalised() -> None:
    assert accuracy(["Yes"] * 10, "yes") == 0.0
    assert accuracy([" Yes\n"] * 10, "Yes") == 1.0
    assert accuracy(["Yes"] * 9 + ["no"], "yes") == 1.0
    assert accuracy(["Yes"] * 10, "Yes", "official-before-2021") == 0.0  # the answer is normalised all the same


def test_before_2021_ground_truths_keep_case_and_articles() -> None:
    texts = ["the lamp"] * 5 + ["a lamp"] * 5
    assert accuracy(texts, "the lamp") == 1.0
    assert accuracy(texts, "the lamp", "official-before-2021") == 0.0


def test_records_equal_in_every_field_drop_each_other() -> None:
    same = VqaAnswer("cat", "yes", 1)
    question = VqaTruth(1, 1, "what", "other", (same, same, same, VqaAnswer("dog", "yes", 2)))
    # Each "cat" has no other match, "dog" has three: (0 + 0 + 0 + 1) / 4.
    assert vqa_accuracies([question], ["cat"])[0] == 0.25
    without_ids = VqaTruth(1, 1, "what", "other", (VqaAnswer("cat"), VqaAnswer("Cat"), VqaAnswer("dog")))
    assert vqa_accuracies([without_ids], ["cat"])[0] == pytest.approx(2 / 9)  # equal once they are normalised
    raw = tuple(VqaAnswer("cat", "yes", 1, raw_answer=text) for text in ("cat", "cats", "dog"))
    assert vqa_accuracies([VqaTruth(1, 1, "what", "other", raw)], ["cat"])[0] == pytest.approx(2 / 3)


def test_repeated_question_counts_twice_with_the_last_annotation() -> None:
    first = truth(["dog"] * 10, question_id=5)
    last = truth(["The Cat"] * 5 + ["cat"] * 5, question_id=5)
    scored = score_vqa([first, last], {5: "Cat"})
    # The first pass leaves ten times "cat" behind, which "Cat" then does not match.
    assert [(row.id, row.value) for row in scored.rows] == [("5", 1.0), ("5#2", 0.0)]
    assert scored.primary.value == 50.0


def test_unscored_questions_count_as_wrong_and_widen_the_bounds() -> None:
    questions = [truth(["cat"] * 10, question_id=number, image_id=number) for number in range(4)]
    scored = score_vqa(questions, {0: "cat", 1: Unscored("refusal"), 2: Unscored("refusal")})
    assert scored.primary.value == 25.0
    assert scored.primary.unscored == {"refusal": 2, "missing": 1}
    assert scored.primary.bounds == Bounds(25.0, 100.0)
    assert [(row.value, row.unscored, row.cluster) for row in scored.rows[:2]] == [
        (1.0, None, "0"),
        (None, "refusal", "1"),
    ]


def test_no_answer_is_not_an_empty_answer() -> None:
    question = truth([""] * 10)
    assert score_vqa([question], {1: ""}).primary.value == 100.0
    assert score_vqa([question], {1: Unscored("refusal")}).primary.value == 0.0


def test_faults_are_named() -> None:
    with pytest.raises(PredictionError, match="1 unknown, such as 9"):
        score_vqa([truth(["cat"])], {9: "cat"})
    with pytest.raises(PredictionError, match="id 1: expected text, found int 5"):
        score_vqa([truth(["cat"])], {1: 5})  # type: ignore[dict-item]
    with pytest.raises(AnnotationError, match="question 1: expected at least one ground-truth answer"):
        score_vqa([truth([])], {1: "cat"})


def test_no_questions_have_no_value() -> None:
    scored = score_vqa([], {})
    assert scored.primary.value is None
    assert scored.primary.n == 0
    assert scored.rows == []


def test_long_answers_take_linear_time() -> None:
    for text in ("." * 10**6, "a," * 500_000, "-" * 10**6, "1,2" + " the" * 300_000, "'" * 10**6, " " * 10**6):
        assert accuracy([text, "b", text, "c"], text) > 0


TEXTS = st.one_of(
    st.sampled_from(["Yes", "yes.", "no", "the  cat", "2", "two", "1,5", "", "\ud800"]), st.text(max_size=8)
)
QUESTIONS = st.lists(st.tuples(st.lists(TEXTS, min_size=1, max_size=12), TEXTS), max_size=12)


@given(QUESTIONS)
def test_laws_of_range_order_and_batches(items: list[tuple[list[str], str]]) -> None:
    questions = [truth(texts, question_id=number, image_id=number // 2) for number, (texts, _) in enumerate(items)]
    answers = {number: answer for number, (_, answer) in enumerate(items)}
    scored, reversed_scored = score_vqa(questions, answers), score_vqa(questions[::-1], answers)
    values = [row.value for row in scored.rows]
    assert all(value is not None and 0 <= value <= 1 for value in values)
    assert values == [row.value for row in reversed_scored.rows][::-1]
    assert scored.primary.interval == reversed_scored.primary.interval
    assert scored.primary.value == pytest.approx(reversed_scored.primary.value)
    half = len(questions) // 2
    parts = [
        vqa_accuracies(part, [answers[question.question_id] for question in part])
        for part in (questions[:half], questions[half:])
    ]
    assert [*parts[0], *parts[1]] == values


@given(TEXTS)
def test_law_of_identity(text: str) -> None:
    assert accuracy([text] * 10, text) == 1.0
    assert accuracy([text] * 5 + ["another"], text) == pytest.approx(1.0)
