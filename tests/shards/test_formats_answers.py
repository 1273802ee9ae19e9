"""Files of answers, labels, choices and GQA: read as they are, or refused with place and reason."""

from pathlib import Path
from typing import Any

import pytest

from shards.formats.answers import (
    AnswerTruth,
    BinaryTruth,
    ChoiceAnswer,
    ChoiceTruth,
    ScoreAnswer,
    YesNoTruth,
    read_answers,
    read_truths,
)
from shards.formats.errors import AnnotationError, PredictionError
from shards.formats.gqa import read_gqa_choices, read_gqa_predictions, read_gqa_questions

QUESTION = (
    '{"1": {"imageId": "i", "question": "?", "answer": "yes", "isBalanced": true, "fullAnswer": "Yes.", "semantic": [],'
    ' "types": {"structural": "verify", "semantic": "obj", "detailed": "exist"},'
    ' "groups": {"global": null, "local": "x"}, "entailed": ["1"]}}'
)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (AnswerTruth, '{"id": 1, "answers": ["a", "b"], "cluster": "i"}', AnswerTruth(1, ("a", "b"), "i")),
        (YesNoTruth, '{"question_id": 1, "image": "i.jpg", "text": "?", "label": "no"}', YesNoTruth(1, "no", "i.jpg")),
        (BinaryTruth, '{"id": 42, "img": "img/42.png", "label": 1, "text": "x"}', BinaryTruth(42, 1, "img/42.png")),
        (ChoiceTruth, '{"id": "q", "choices": ["a", "b"], "answer": 1}', ChoiceTruth("q", ("a", "b"), 1)),
    ],
)
def test_truths_as_lines_and_as_an_array(tmp_path: Path, kind: Any, text: str, expected: Any) -> None:
    lines, array = written(tmp_path / "a.jsonl", f"{text}\n\n"), written(tmp_path / "a.json", f"[{text}]")
    assert read_truths(lines, kind) == read_truths(array, kind) == [expected]


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        (AnswerTruth, '{"id": 1, "answers": []}', "length >= 1"),
        (AnswerTruth, '{"id": 1}', "answers"),
        (YesNoTruth, '{"question_id": 1, "label": "maybe"}', "maybe"),
        (BinaryTruth, '{"id": 1, "label": 2}', "2"),
        (ChoiceTruth, '{"id": 1, "choices": ["a", "b"], "answer": 2}', "answer 2 is no place among 2 choices"),
        (ChoiceTruth, '{"id": 1, "choices": ["a"], "answer": 0}', "length >= 2"),
        (AnswerTruth, '{"id": 1, "answers": ["a"]}\n{"id": "1", "answers": ["a"]}', "each id once, found '1' again"),
        (AnswerTruth, '{"id": 1, "answers": ["a"]', "line 1"),
    ],
)
def test_broken_truths_are_refused(tmp_path: Path, kind: Any, text: str, told: str) -> None:
    with pytest.raises(AnnotationError, match=told):
        read_truths(written(tmp_path / "a.jsonl", text), kind)


def test_predictions(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", '[{"id": 1, "score": 0.5}, {"id": "x", "score": -2}]')
    assert read_answers(path, ScoreAnswer) == {"1": ScoreAnswer(1, 0.5), "x": ScoreAnswer("x", -2.0)}
    path = written(tmp_path / "b.jsonl", '{"id": 7, "likelihoods": [-1, -2.5], "tokens": [1, 2]}')
    assert read_answers(path, ChoiceAnswer) == {"7": ChoiceAnswer(7, likelihoods=(-1.0, -2.5), tokens=(1, 2))}
    for text in ('{"id": 1, "score": "high"}', '{"id": 1}', '{"id": 1, "score": 1}\n{"id": 1, "score": 1}'):
        with pytest.raises(PredictionError):
            read_answers(written(tmp_path / "c.jsonl", text), ScoreAnswer)
    with pytest.raises(PredictionError, match=">= 1"):
        read_answers(written(tmp_path / "d.jsonl", '{"id": 1, "likelihoods": [1], "tokens": [0]}'), ChoiceAnswer)


def test_gqa(tmp_path: Path) -> None:
    question = read_gqa_questions(written(tmp_path / "q.json", QUESTION))["1"]
    assert (question.image_id, question.is_balanced, question.types.detailed) == ("i", True, "exist")
    assert (question.groups.global_, question.entailed) == (None, ("1",))
    named = QUESTION.replace("null", '"food"')
    assert read_gqa_questions(written(tmp_path / "q.json", named))["1"].groups.global_ == "food"
    choices = read_gqa_choices(written(tmp_path / "c.json", '{"1": {"valid": ["a", "b"], "plausible": ["a"]}}'))
    assert choices["1"].valid == {"a", "b"}
    rows = '[{"questionId": "1", "prediction": "yes"}]'
    assert read_gqa_predictions(written(tmp_path / "p.json", rows)) == {"1": "yes"}
    for broken in (QUESTION.replace("true", '"true"'), QUESTION.replace('"structural"', '"s"'), "[]"):
        with pytest.raises(AnnotationError, match=r"q\.json"):
            read_gqa_questions(written(tmp_path / "q.json", broken))
    with pytest.raises(PredictionError):
        read_gqa_predictions(written(tmp_path / "p.json", rows.replace("prediction", "answer")))
