"""GQA's seven numbers: by hand, against the definition spelled out, and their laws."""

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.errors import AnnotationError, PredictionError
from evals.metrics.gqa import _chi_square, score_gqa
from evals.results.schema import Bounds, Unscored
from shards.formats.gqa import GqaChoices, GqaGroups, GqaQuestion, GqaTypes


def question(answer: str, structural: str = "query", **more: Any) -> GqaQuestion:
    return GqaQuestion(
        image_id=more.get("image", "i"),
        answer=answer,
        is_balanced=more.get("balanced", True),
        types=GqaTypes(structural, "obj", more.get("detailed", "x")),
        groups=GqaGroups(more.get("group")),
        entailed=more.get("entailed", ()),
    )


QUESTIONS = {
    "1": question("yes", "verify", entailed=("1", "6", "7")),
    "2": question("dog", group="animal"),
    "3": question("cat", group="animal", entailed=("6",), image="j"),
    "4": question("dog", group="animal", image="j"),
    "5": question("color", "compare", detailed="twoCommon", entailed=("5",), image="k"),
    "6": question("no", "logical", balanced=False),
    "7": question("yes", "verify", balanced=False),
}
ANSWERS = {"1": "yes", "2": "dog", "3": "Cat", "4": "dog", "5": "shape", "6": "no", "7": "no"}
CHOICES = {
    name: GqaChoices(frozenset({"yes", "no", "dog", "cat"}), frozenset({"yes", "cat"})) for name in ("1", "2", "3", "4")
}


def test_all_seven_by_hand() -> None:
    scored = score_gqa(QUESTIONS, ANSWERS, choices=CHOICES, with_consistency=True)
    numbers = {name: (one.value, one.n) for name, one in scored.metrics.items()}
    # Right are 1, 2, 4. Of those 1 alone entails others: 6 is right, 7 is not. "Cat" is no choice; "shape" is one of
    # the three that "Common" stands for; of the plausible ones "yes" and "shape" are said. Animals: truths dog dog cat,
    # answers dog dog Cat: (0 + 1) / 100.
    assert (scored.primary.metric, scored.primary.value, scored.primary.n) == ("accuracy", 60.0, 5)
    assert numbers == {
        "binary": (50.0, 2),
        "open": (pytest.approx(200 / 3), 3),
        "validity": (80.0, 5),
        "plausibility": (40.0, 5),
        "consistency": (50.0, 1),
        "distribution": (0.01, 3),
    }
    assert not scored.metrics["distribution"].higher_is_better
    assert scored.breakdown["structural_type"] == {"compare": 0.0, "query": pytest.approx(200 / 3), "verify": 100.0}
    assert {row.cluster for row in scored.rows} == {"i", "j", "k"}
    assert {one.protocol for one in (scored.primary, *scored.metrics.values())} == {"gqa@official"}


def test_files_that_are_not_given_leave_their_numbers_out() -> None:
    scored = score_gqa(QUESTIONS, {name: ANSWERS[name] for name in "12345"})
    assert set(scored.metrics) == {"binary", "open", "distribution"}


def test_what_consistency_and_choices_need_is_named() -> None:
    with pytest.raises(PredictionError, match="answers to all questions, found none to 2"):
        score_gqa(QUESTIONS, {name: ANSWERS[name] for name in "12345"}, with_consistency=True)
    balanced = {name: QUESTIONS[name] for name in "12345"}
    answers = {name: ANSWERS[name] for name in "12345"}
    with pytest.raises(AnnotationError, match=r"question 1: .*found no question 6; take the \*_all_questions"):
        score_gqa(balanced, answers, with_consistency=True)
    with pytest.raises(AnnotationError, match="found none for 1"):
        score_gqa(QUESTIONS, ANSWERS, choices={})


def test_unscored_questions_count_as_wrong_and_widen_the_bounds() -> None:
    scored = score_gqa(QUESTIONS, ANSWERS | {"2": Unscored("refusal")}, choices=CHOICES)
    assert (scored.primary.value, scored.primary.bounds) == (40.0, Bounds(40.0, 60.0))
    assert scored.metrics["open"].bounds == Bounds(pytest.approx(100 / 3), pytest.approx(200 / 3))
    assert scored.metrics["binary"].bounds is None  # none of these is open
    assert scored.metrics["validity"].bounds == Bounds(60.0, 80.0)
    # One dog of two is said, and no cat: 1/2 + 1 with it missing, 0 + 1 with it right.
    assert scored.metrics["distribution"].bounds == Bounds(pytest.approx(0.015), pytest.approx(0.01))


def test_no_questions_have_no_values() -> None:
    scored = score_gqa({}, {}, choices={}, with_consistency=True)
    assert [one.value for one in (scored.primary, *scored.metrics.values())] == [None] * 7
    assert scored.rows == []


CELLS = st.tuples(st.sampled_from(["g", "h", None]), st.sampled_from("abc"), st.sampled_from("abcd"))


def spelled_out(cells: list[tuple[str | None, str, str]]) -> float:
    """Chi-square per group, weighted by the group's questions, over 100."""
    total = 0.0
    for name in {group for group, _, _ in cells if group}:
        truths = Counter(true for group, true, _ in cells if group == name)
        said = Counter(reply for group, _, reply in cells if group == name)
        total += sum((said[one] - count) ** 2 / count for one, count in truths.items()) * truths.total()
    return total / sum(group is not None for group, _, _ in cells) / 100


def asked(cells: list[tuple[str | None, str, str]]) -> tuple[dict[str, GqaQuestion], dict[str, str]]:
    questions = {str(place): question(true, group=group) for place, (group, true, _) in enumerate(cells)}
    return questions, {str(place): reply for place, (_, _, reply) in enumerate(cells)}


@given(st.lists(CELLS, min_size=1, max_size=12).filter(lambda cells: any(group for group, _, _ in cells)))
def test_distribution_is_as_defined_and_its_margins_sum_to_it(cells: list[tuple[str | None, str, str]]) -> None:
    value, margins = _chi_square(*asked(cells))
    assert value == pytest.approx(spelled_out(cells), abs=1e-12)
    assert margins.sum() == pytest.approx(value, abs=1e-12)  # it grows with the counts


def test_margins_are_what_one_more_question_adds() -> None:
    cells: list[tuple[str | None, str, str]] = [("g", "a", "a"), ("g", "a", "b"), ("g", "b", "d"), ("h", "c", "a")]
    _, margins = _chi_square(*asked(cells))
    many = cells * 2000
    added = [spelled_out([*many, cell]) - spelled_out(many) for cell in cells]
    assert margins.tolist() == pytest.approx(added, abs=1e-4)


def test_its_interval_is_that_of_whole_resamples() -> None:
    rng = np.random.default_rng(3)
    letters = np.array(list("abcd"))
    truths = rng.choice(letters, 1500, p=[0.4, 0.3, 0.2, 0.1])
    replies = np.where(rng.random(1500) < 0.5, "a", truths)
    cells = [("g", str(true), str(reply)) for true, reply in zip(truths, replies, strict=True)]
    questions, answers = asked(cells)
    questions = {name: msgspec.structs.replace(one, image_id=name) for name, one in questions.items()}
    interval = score_gqa(questions, answers).metrics["distribution"].interval
    drawn = [spelled_out([cells[k] for k in rng.integers(0, 1500, 1500)]) for _ in range(300)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert interval is not None
    assert (interval.low, interval.high) == (pytest.approx(low, rel=0.05), pytest.approx(high, rel=0.05))
    assert interval.method.endswith("-linearised")
