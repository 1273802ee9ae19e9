"""What every number for answers, labels and choices obeys: range, order, batches, clusters, nothing at all."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.metrics.answers import AnswerProtocol, YesNoProtocol, score_answers, score_yes_no
from evals.metrics.auroc import score_auroc
from evals.metrics.choices import ChoiceProtocol, score_choices
from evals.metrics.gqa import score_gqa
from evals.results.schema import Scored, Unscored
from shards.formats.answers import AnswerTruth, BinaryTruth, ChoiceAnswer, ChoiceTruth, YesNoTruth
from shards.formats.gqa import GqaGroups, GqaQuestion, GqaTypes

Score = Callable[[Sequence[tuple[int, int]]], Scored]
"""Scores items that are (number, what was replied); a number decides truth and cluster, a reply of 0 is none."""
WORDS = ("cat", "a dog", "Yes", "no", "abcdef", "abcdxy")
PETS = ("cat", "dog", "cow")


def exact(protocol: Any, items: Sequence[tuple[int, int]]) -> Scored:
    truths = [AnswerTruth(number, (WORDS[number % 6],), cluster=number // 2) for number, _ in items]
    return score_answers(truths, replies(items, lambda code: WORDS[code % 6]), protocol=protocol)


def yes_no(protocol: Any, items: Sequence[tuple[int, int]]) -> Scored:
    truths = [YesNoTruth(number, "yes" if number % 2 else "no", cluster=number // 2) for number, _ in items]
    return score_yes_no(truths, replies(items, lambda code: ("maybe", "yes", "No")[code % 3]), protocol=protocol)


def auroc(items: Sequence[tuple[int, int]]) -> Scored:
    truths = [BinaryTruth(number, number % 2, cluster=number // 2) for number, _ in items]  # type: ignore[arg-type]
    return score_auroc(truths, replies(items, float))


def choice(protocol: Any, items: Sequence[tuple[int, int]]) -> Scored:
    def reply(code: int) -> ChoiceAnswer:
        letters, likelihoods = tuple("ABC"[(code - k) % 3] for k in range(3)), (1.0, float(code % 3), 0.5)
        return ChoiceAnswer(0, ("A", "dog", "B", "?")[code % 4], letters, likelihoods, (1, 2, 3))

    truths = [ChoiceTruth(number, PETS, number % 3, cluster=number // 2) for number, _ in items]
    return score_choices(truths, replies(items, reply), protocol=protocol)


def gqa(items: Sequence[tuple[int, int]]) -> Scored:
    questions = {
        str(number): GqaQuestion(
            image_id=str(number // 2),
            answer=WORDS[number % 6],
            is_balanced=True,
            types=GqaTypes("query" if number % 2 else "verify", "obj", "x"),
            groups=GqaGroups("gh"[number % 2]),
        )
        for number, _ in items
    }
    return score_gqa(questions, replies(items, lambda code: WORDS[code % 6]))


def replies(items: Sequence[tuple[int, int]], reply: Callable[[int], Any]) -> dict[str, Any]:
    return {str(number): reply(code) if code != 1 else Unscored("refusal") for number, code in items if code}


SCORERS: dict[str, Score] = {
    **{name: partial(exact, name) for name in get_args(AnswerProtocol)},
    **{name: partial(yes_no, name) for name in get_args(YesNoProtocol)},
    **{name: partial(choice, name) for name in get_args(ChoiceProtocol)},
    "auroc": auroc,
    "gqa@official": gqa,
}
ITEMS = st.lists(st.integers(0, 9), max_size=16).map(lambda codes: list(enumerate(codes)))


@pytest.mark.parametrize("name", SCORERS)
@settings(max_examples=40)
@given(items=ITEMS)
def test_range_order_and_batches(name: str, items: list[tuple[int, int]]) -> None:
    score = SCORERS[name]
    scored, turned = score(items), score(items[::-1])
    for metric in (scored.primary, *scored.metrics.values()):
        other = turned.primary if metric is scored.primary else turned.metrics[metric.metric]
        assert metric.protocol == name
        assert (metric.value is None) == (other.value is None)
        assert metric.value is None or metric.value == pytest.approx(other.value)
        check_range(metric)
        if metric.interval is not None:
            assert other.interval is not None
            assert metric.interval.low == pytest.approx(other.interval.low)
            assert metric.interval.note == "small_n"
    assert [row.id for row in scored.rows] == [str(number) for number, _ in items]
    if name != "auroc":  # whose items are ranked among each other
        assert [*score(items[:5]).rows, *score(items[5:]).rows] == scored.rows


def check_range(metric: Any) -> None:
    top = {"percent": 100.0, "fraction": 1.0, "raw": math.inf}[metric.unit]
    ends = [metric.value] if metric.value is not None else []
    ends += [metric.interval.low, metric.interval.high] if metric.interval else []
    if metric.bounds is not None:
        ends += [metric.bounds.all_wrong, metric.bounds.all_right]
        assert metric.unit == "raw" or metric.bounds.all_wrong <= metric.bounds.all_right + 1e-9
    assert all(0 <= end <= top + 1e-9 for end in ends)
    assert metric.unscored or metric.bounds is None


@pytest.mark.parametrize("name", SCORERS)
def test_nothing_has_no_value(name: str) -> None:
    scored = SCORERS[name]([])
    assert (scored.primary.value, scored.primary.n, scored.primary.interval, scored.rows) == (None, 0, None, [])


@pytest.mark.parametrize("name", SCORERS)
def test_no_replies_are_all_missing(name: str) -> None:
    scored = SCORERS[name]([(number, 0) for number in range(6)])
    assert (scored.primary.value, scored.primary.unscored) == (0.0, {"missing": 6})
    assert scored.primary.bounds is not None
    assert scored.primary.bounds.all_right in (1.0, 100.0)


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("exact@literal", lambda number: number % 6 or 6),
        ("anls@0.5", lambda number: number % 6 or 6),
        ("yesno@pope", lambda number: 4 if number % 2 else 5),
        ("choice@circular", lambda number: 3 + number % 3),
        ("auroc", lambda number: 5 + number % 2),
        ("gqa@official", lambda number: 6 + number % 6),
    ],
)
def test_the_truth_itself_is_right(name: str, reply: Callable[[int], int]) -> None:
    items = [(number, reply(number)) for number in range(18) if reply(number) != 1]
    scored = SCORERS[name](items)
    assert scored.primary.value in (1.0, 100.0)
    if name == "gqa@official":
        assert scored.metrics["distribution"].value == 0.0


def test_two_hundred_items_in_fifty_clusters_are_not_few() -> None:
    def note(n: int, per_cluster: int) -> str:
        truths = [AnswerTruth(number, ("cat",), cluster=f"i{number // per_cluster}") for number in range(n)]
        found = score_answers(truths, {str(number): "cat" if number % 3 else "dog" for number in range(n)})
        assert found.primary.interval is not None
        return found.primary.interval.note

    assert [note(200, 4), note(199, 1), note(400, 10)] == ["", "small_n", "small_n"]


def test_clusters_are_drawn_whole() -> None:
    def width(per_cluster: int) -> float:
        truths = [AnswerTruth(number, ("cat",), cluster=f"i{number // per_cluster}") for number in range(400)]
        answers = {str(number): "cat" if number // 4 % 2 else "dog" for number in range(400)}
        interval = score_answers(truths, answers).primary.interval
        assert interval is not None
        return interval.high - interval.low

    # Four equal answers a cluster carry the news of one: twice the width.
    assert width(4) / width(1) == pytest.approx(2, abs=0.2)
