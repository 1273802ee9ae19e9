"""Baselines answer as their names say, and only the ceiling reads the truth."""

from collections import Counter

import pytest

from evals.benchmarks import Item
from evals.harness.baselines import BASELINES, baseline, right_answer
from shards.errors import UsageError
from shards.sample import Answers, HumanAnswer, References, Truth


def asked(name: str, text: str, *answers: str, question_type: str = "what") -> Item:
    truth = Answers(tuple(HumanAnswer(one, "yes", n) for n, one in enumerate(answers)), question_type, "other")
    return item(name, truth, text)


def item(name: str, truth: Truth, text: str = "") -> Item:
    return Item(id=name, cluster=name, text=text, media=(), truth=truth)


TRAIN = [
    asked("t1", "how many?", "2", "2", "3"),
    asked("t2", "how many?", "2"),
    asked("t3", "how many?", "4"),
    asked("t4", "which?", "red", question_type="which"),
    *(asked(f"v{n}", "what now?", "nothing") for n in range(5)),
    asked("t5", "which one?", "blue", question_type="which"),
    asked("t6", "which two?", "blue", question_type="which"),
    *(asked(f"u{n}", "really?", "yes", question_type="is") for n in range(9)),
]
ITEMS = [
    asked("1", "how many?", "7", "7", "2"),
    asked("2", "which is it?", "green", question_type="which"),
    asked("3", "why?", "rain", question_type="why"),
]


def answers(name: str, items: list[Item] = ITEMS, train: list[Item] = TRAIN, seed: int = 0) -> list[str]:
    replay = baseline(name, items, train, seed=seed)
    return [replay.answer(one.id).text for one in items]


def test_the_oracle_says_what_most_annotators_said() -> None:
    assert answers("oracle") == ["7", "green", "rain"]


def test_blind_goes_by_the_question_then_by_its_type_then_by_all() -> None:
    assert answers("blind") == ["2", "blue", "yes"]


def test_the_most_frequent_answer_is_the_same_for_all() -> None:
    assert answers("most-frequent") == ["yes"] * 3


def test_equally_frequent_answers_are_taken_in_alphabetical_order() -> None:
    assert answers("most-frequent", train=[asked("a", "x", "b"), asked("b", "x", "a")]) == ["a"] * 3


def test_shuffled_answers_are_right_for_another_item() -> None:
    for seed in range(20):
        found = answers("shuffled", seed=seed)
        assert sorted(found) == ["7", "green", "rain"]
        assert all(one != right_answer(own) for one, own in zip(found, ITEMS, strict=True))


def test_random_answers_follow_what_was_said_in_training() -> None:
    many = [asked(str(n), "x", "a") for n in range(4000)]
    counts = Counter(answers("random", items=many))
    said = Counter(one.answer for train in TRAIN for one in train.truth.answers)  # type: ignore[union-attr]
    assert counts.keys() == said.keys()
    for word, n in said.items():
        assert counts[word] / 4000 == pytest.approx(n / said.total(), abs=0.03)


def test_constant_and_empty_say_the_same_to_all() -> None:
    assert answers("constant") == ["something"] * 3
    assert answers("empty") == [""] * 3


def test_captions_have_baselines_too() -> None:
    captions = [item("a", References(("a dog", "the dog"))), item("b", References(("a cat", "the cat")))]
    assert answers("oracle", items=captions) == ["a dog", "a cat"]
    assert answers("shuffled", items=captions) == ["a cat", "a dog"]


@pytest.mark.parametrize("name", ["blind", "most-frequent", "random", "constant", "empty"])
def test_what_is_no_ceiling_does_not_read_the_truth(name: str) -> None:
    lied = [asked(one.id, one.text, "a lie", question_type=one.truth.question_type) for one in ITEMS]  # type: ignore[union-attr]
    assert answers(name, items=lied) == answers(name)


def test_unknown_names_are_wrong_usage() -> None:
    with pytest.raises(UsageError, match="oracle,blind"):
        baseline("clever", ITEMS, TRAIN, seed=0)
    assert set(BASELINES) == {"oracle", "blind", "most-frequent", "shuffled", "random", "constant", "empty"}
