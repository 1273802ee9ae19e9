"""Multiple choice: the grammar of letters, texts, likelihoods and rotations, by hand."""

from typing import Any

import pytest

from evals.errors import PredictionError
from evals.metrics.choices import ChoiceProtocol, letter_choice, score_choices, text_choice
from evals.results.schema import Bounds, Unscored
from shards.formats.answers import ChoiceAnswer, ChoiceTruth

PETS = ("a dog", "a cat", "a cow", "a hen")


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"),
        (" b\n", "B"),
        ("(B)", "B"),
        ("[b].", "B"),
        ("B.", "B"),
        ("**B**", "B"),
        ("'B'", "B"),
        ("B. a cat", "B"),
        ("B) a cat", "B"),
        ("(B) a cat", "B"),
        ("**B**: a cat", "B"),
        ("The answer is B.", "B"),
        ("the correct option is (B) because", "B"),
        ("Answer: B", "B"),
        ("My choice is **B**, surely", "B"),
        ("Option B is right", "B"),
        ("It purrs. The answer is B because dogs bark", "B"),
        ("B. The answer is B.", "B"),
        ("A dog", None),
        ("a cat", None),
        ("The answer is a dog", None),
        ("The answer is A dog", None),
        ("b. a cat", None),
        ("The answer is a.", None),  # in capitals alone: it may go on
        ("A or B", None),
        ("A, B", None),
        ("A. The answer is B.", None),
        ("The answer is A. No, the answer is B.", None),
        ("E", None),
        ("The answer is unclear", None),
        ("Because", None),
        ("", None),
        ("B-52", None),
        ("É", None),
    ],
)
def test_letters(reply: str, letter: str | None) -> None:
    assert letter_choice(reply, 4) == (None if letter is None else "ABCD".index(letter))


def test_long_replies_take_linear_time() -> None:
    for reply in (
        "answer" + " " * 10**6,
        "answer is " * 10**5,
        "(" * 10**6,
        "B" + ")" * 10**6 + "x",
        "option A " * 10**5,
    ):
        letter_choice(reply, 4)


@pytest.mark.parametrize(
    ("reply", "place"), [("A cat.", 1), ("the COW", 2), ("cats", None), ("", None), ("a dog and a cat", None)]
)
def test_texts(reply: str, place: int | None) -> None:
    assert text_choice(reply, PETS) == place


def test_options_that_read_alike_are_no_choice() -> None:
    assert text_choice("two", ("two", "Two!")) is None


def one(protocol: ChoiceProtocol, answer: int, choices: tuple[str, ...] = PETS, **fields: Any) -> tuple[Any, Any]:
    question = ChoiceTruth("q", choices, answer)
    row = score_choices([question], {"q": ChoiceAnswer("q", **fields)}, protocol=protocol).rows[0]
    return row.value, row.unscored


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ("BADC", (1.0, None)),
        ("BBBB", (0.0, None)),
        ("BAD?", (None, "parse_failure")),
        ("BA?D", (0.0, None)),
    ],
)
def test_right_under_every_rotation(replies: str, expected: tuple[Any, Any]) -> None:
    # Rotations show dog cat cow hen, cat cow hen dog, cow hen dog cat, hen dog cat cow: the cat is B, A, D, C.
    assert one("choice@circular", 1, answers=tuple(replies)) == expected


@pytest.mark.parametrize(
    ("protocol", "values", "tokens", "expected"),
    [
        ("choice@likelihood", (-2.0, -4.0), None, (1.0, None)),
        ("choice@likelihood-per-byte", (-2.0, -4.0), None, (0.0, None)),  # -2 / 2 bytes against -4 / 5
        ("choice@likelihood-per-byte", (-2.0, -5.5), None, (1.0, None)),  # -2 / 2 bytes, not / 1 letter
        ("choice@likelihood-per-token", (-2.0, -4.5), (1, 2), (1.0, None)),
        ("choice@likelihood-per-token", (-2.0, -3.5), (1, 2), (0.0, None)),
        ("choice@likelihood", (-2.0, -2.0), None, (None, "tie")),
    ],
)
def test_likelihoods(protocol: ChoiceProtocol, values: Any, tokens: Any, expected: tuple[Any, Any]) -> None:
    assert one(protocol, 0, ("é", "bbbbb"), likelihoods=values, tokens=tokens) == expected


@pytest.mark.parametrize(
    ("protocol", "fields", "told"),
    [
        ("choice@letter", {"likelihoods": (1.0,) * 4}, '"answer"'),
        ("choice@circular", {"answers": ("A", "B")}, '"answers", one for each of 4 choices, found 2'),
        ("choice@likelihood", {"answers": ("A",) * 4}, '"likelihoods", one for each of 4 choices, found none'),
        ("choice@likelihood", {"likelihoods": (1.0, 2.0, 3.0, float("nan"))}, "finite"),
        ("choice@likelihood-per-token", {"likelihoods": (1.0,) * 4}, '"tokens"'),
    ],
)
def test_what_a_protocol_needs_is_named(protocol: ChoiceProtocol, fields: Any, told: str) -> None:
    with pytest.raises(PredictionError, match=f"id q: expected .*{told}"):
        one(protocol, 0, **fields)


def test_accuracy_per_category_and_bounds() -> None:
    questions = [ChoiceTruth(place, PETS, 0, category="xxy"[place]) for place in range(3)]
    answers = {"0": ChoiceAnswer(0, "A"), "1": ChoiceAnswer(1, "hm"), "2": Unscored("refusal")}
    scored = score_choices(questions, answers)
    assert scored.primary.value == pytest.approx(100 / 3)
    assert scored.primary.bounds == Bounds(pytest.approx(100 / 3), 100.0)
    assert scored.primary.unscored == {"parse_failure": 1, "refusal": 1}
    assert scored.breakdown == {"category": {"x": 50.0, "y": 0.0}}
    assert score_choices([ChoiceTruth(0, PETS, 0)], {}).breakdown == {}
    with pytest.raises(PredictionError, match="1 unknown"):
        score_choices(questions, {"7": ChoiceAnswer(7, "A")})
