"""Exact match, ANLS and yes/no: published examples, cases by hand, closed forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.errors import PredictionError
from evals.metrics.answers import (
    AnswerProtocol,
    YesNoProtocol,
    answer_value,
    edit_distance,
    is_yes,
    normalised,
    score_answers,
    score_yes_no,
)
from evals.results.schema import Bounds, Unscored
from shards.formats.answers import AnswerTruth, YesNoTruth

TEXTS = st.text(st.sampled_from("ab c1é"), max_size=9)


@pytest.mark.parametrize(
    ("protocol", "truth", "answer", "value"),
    [
        ("exact@literal", "Yes", "Yes", 1),
        ("exact@literal", "Yes", "yes", 0),
        ("exact@literal", "yes", "yes ", 0),
        ("exact@lower", "Red Car", "\tred car ", 1),
        ("exact@lower", "red", "red.", 0),
        ("exact@normalized", "Denver Broncos", "the  denver broncos!", 1),
        ("exact@normalized", "theatre", "atre", 0),
        ("anls@0.5", "abcd", "abxy", 0),  # NL is exactly 0.5
        ("anls@0.5", "abcde", "abcxy", 0.6),
        ("anls@0.5", "A  b", " a\nb ", 1),
        ("anls@0.5", "", "", 1),
        ("anls@0.5", "", "a", 0),
    ],
)
def test_values(protocol: AnswerProtocol, truth: str, answer: str, value: float) -> None:
    assert answer_value(answer, [truth], protocol) == pytest.approx(value, abs=1e-12)


# Robust Reading Competition, rrc.cvc.uab.es, challenge 11: the table that explains ANLS.
@pytest.mark.parametrize(
    ("answer", "value"), [("The Coca", 0.0), ("CocaCola", 0.89), ("Coca cola", 1.0), ("Cola", 0.0), ("Cat", 0.0)]
)
def test_the_published_example_of_anls(answer: str, value: float) -> None:
    assert round(answer_value(answer, ["Coca Cola", "Coca Cola Company"], "anls@0.5"), 2) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat, an owl & A dog", "cat owl dog"),
        ("it's 24-10", "its 2410"),
        ("“x”", "“x”"),
        ("a an the", ""),
        ("a-b", "ab"),
    ],
)
def test_normalisation(text: str, expected: str) -> None:
    assert normalised(text) == expected


def table_distance(first: str, second: str) -> int:
    """The textbook's table, row by row."""
    row = list(range(len(second) + 1))
    for number, letter in enumerate(first, start=1):
        above, row = row, [number]
        for place, other in enumerate(second):
            row.append(min(above[place] + (letter != other), above[place + 1] + 1, row[place] + 1))
    return row[-1]


@given(TEXTS, TEXTS)
def test_edit_distance_is_the_tables(first: str, second: str) -> None:
    assert edit_distance(first, second) == table_distance(first, second)


def test_edit_distance_of_long_texts() -> None:
    assert edit_distance("a" * 3000 + "b", "c" + "a" * 3000) == 2
    assert edit_distance("kitten" * 40, "sitting" * 40) == table_distance("kitten" * 40, "sitting" * 40)


def test_unscored_answers_count_as_wrong_and_widen_the_bounds() -> None:
    truths = [AnswerTruth(number, ("cat",), cluster="i") for number in range(4)]
    scored = score_answers(truths, {"0": "cat", "1": "dog", "2": Unscored("refusal")})
    assert (scored.primary.metric, scored.primary.protocol) == ("exact_match", "exact@normalized")
    assert (scored.primary.value, scored.primary.bounds) == (25.0, Bounds(25.0, 75.0))
    assert scored.primary.unscored == {"refusal": 1, "missing": 1}
    assert [(row.id, row.value, row.cluster) for row in scored.rows[1:3]] == [("1", 0.0, "i"), ("2", None, "i")]
    assert scored.primary.interval is None  # one cluster
    with pytest.raises(PredictionError, match="1 unknown, such as 'x'"):
        score_answers(truths, {"x": "cat"})


@pytest.mark.parametrize(
    ("text", "pope", "first_word"),
    [
        ("Yes", True, True),
        ("no", False, False),
        ("No, there is.", False, False),
        ("There is no dog", False, None),
        ("It is not", False, None),
        ("NO", True, False),  # the script knows No, no and not
        ("Yes. No", True, True),
        ("Yes,not", True, True),  # one word without its comma
        ("cannot tell", True, None),
        ("", True, None),
        ("**Yes**", True, True),
        ("Nothing", True, None),
    ],
)
def test_what_is_a_yes(text: str, pope: bool, first_word: bool | None) -> None:
    assert (is_yes(text, "yesno@pope"), is_yes(text, "yesno@first-word")) == (pope, first_word)


def questions(labels: str) -> list[YesNoTruth]:
    return [YesNoTruth(place, "yes" if label == "y" else "no") for place, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("protocol", "numbers"),
    [
        # yes to rows 0, 2, 4, 5: tp 2 (0, 4), fp 2 (2, 5), fn 2 (1, 6: missing), tn 1 (3).
        ("yesno@pope", (300 / 7, 50.0, 50.0, 50.0, 400 / 7)),
        # "maybe" is no answer: tp 1 (0), fp 2 (2, 5), fn 3 (1, 4, 6), tn 1 (3).
        ("yesno@first-word", (200 / 7, 100 / 3, 25.0, 200 / 7, 300 / 7)),
    ],
)
def test_counts_by_hand(protocol: YesNoProtocol, numbers: tuple[float, ...]) -> None:
    replies = ["yes", "no", "yes", "no", "maybe", "Yes it is"]
    scored = score_yes_no(questions("yynnyny"), dict(zip("012345", replies, strict=True)), protocol=protocol)
    metrics = [scored.primary, *scored.metrics.values()]
    assert [one.metric for one in metrics] == ["accuracy", "precision", "recall", "f1", "yes_share"]
    assert [one.value for one in metrics] == pytest.approx(numbers, abs=1e-12)
    assert scored.rows[6].unscored == "missing"


def test_bounds_put_yes_and_no_where_nothing_was_said() -> None:
    scored = score_yes_no(questions("yyn"), {"0": "yes"})
    # Wrong: yes, no, yes. Right: yes, yes, no.
    assert scored.metrics["precision"].bounds == Bounds(50.0, 100.0)
    assert scored.metrics["recall"].bounds == Bounds(50.0, 100.0)
    assert scored.metrics["f1"].bounds == Bounds(50.0, 100.0)
    assert (scored.metrics["precision"].value, scored.metrics["f1"].value) == (100.0, pytest.approx(200 / 3))
    assert scored.metrics["yes_share"].bounds is None


def test_no_yes_has_no_precision() -> None:
    scored = score_yes_no(questions("yn"), {"0": "no", "1": "no"})
    assert (scored.metrics["precision"].value, scored.metrics["f1"].value) == (None, 0.0)
    assert score_yes_no(questions("nn"), {"0": "no", "1": "no"}).metrics["f1"].value is None
