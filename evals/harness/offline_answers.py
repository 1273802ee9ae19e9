"""Scores for short answers, labels and choices made elsewhere: files in, a result out."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from evals.harness.offline import OfflineScore, checked, offline_score
from evals.metrics.answers import AnswerProtocol, YesNoProtocol, score_answers, score_yes_no
from evals.metrics.auroc import score_auroc
from evals.metrics.choices import ChoiceProtocol, score_choices
from evals.metrics.gqa import score_gqa
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
from shards.formats.gqa import read_gqa_choices, read_gqa_predictions, read_gqa_questions
from shards.formats.predictions import read_predictions


def answers(
    references: Path,
    predictions: Path,
    *,
    protocol: AnswerProtocol | YesNoProtocol | Literal["auroc"],
    strict: bool,
    seed: int,
) -> OfflineScore:
    """Short answers, POPE's yes and no, or scores of class 1; the protocol decides which files it takes.

    exact, anls  `{"id", "answers", "cluster"}` and predictions `{"id", "answer"}`
    yesno        POPE's questions and predictions `{"question_id", "answer"}`
    auroc        labels in Hateful Memes' format and predictions `{"id", "score"}`
    """
    if protocol == "auroc":
        labels, scores = read_truths(references, BinaryTruth), read_answers(predictions, ScoreAnswer)
        _check(scores, (one.id for one in labels), predictions, strict=strict)
        scored = score_auroc(labels, {name: one.score for name, one in scores.items()}, seed=seed)
    elif protocol == "yesno@pope" or protocol == "yesno@first-word":
        questions = read_truths(references, YesNoTruth)
        replies = read_predictions(predictions, "question_id", "answer", id_type=str)
        _check(replies, (one.id for one in questions), predictions, strict=strict)
        scored = score_yes_no(questions, replies, protocol=protocol, seed=seed)
    else:
        truths = read_truths(references, AnswerTruth)
        replies = read_predictions(predictions, "id", "answer", id_type=str)
        _check(replies, (one.id for one in truths), predictions, strict=strict)
        scored = score_answers(truths, replies, protocol=protocol, seed=seed)
    return offline_score("answers", scored, [row.id for row in scored.rows])


def choice(references: Path, predictions: Path, *, protocol: ChoiceProtocol, strict: bool, seed: int) -> OfflineScore:
    """Multiple choice of `{"id", "answer"}` (or answers, or likelihoods) against `{"id", "choices", "answer"}`."""
    truths, found = read_truths(references, ChoiceTruth), read_answers(predictions, ChoiceAnswer)
    _check(found, (truth.id for truth in truths), predictions, strict=strict)
    scored = score_choices(truths, found, protocol=protocol, seed=seed)
    return offline_score("choice", scored, [row.id for row in scored.rows])


def gqa(
    questions: Path, predictions: Path, *, choices: Path | None, with_consistency: bool, strict: bool, seed: int
) -> OfflineScore:
    """GQA's numbers of an official predictions file; strict asks for answers to all balanced questions.

    Raises:
        AnnotationError: If a file breaks its format, or with consistency an entailed question is not in the file.
        PredictionError: If a prediction is for an unknown question, or with consistency one is missing.
    """
    asked, found = read_gqa_questions(questions), read_gqa_predictions(predictions)
    balanced = [name for name, question in asked.items() if question.is_balanced]
    _check(found.keys() & set(balanced), balanced, predictions, strict=strict)
    table = None if choices is None else read_gqa_choices(choices)
    scored = score_gqa(asked, found, choices=table, with_consistency=with_consistency, seed=seed)
    return offline_score("gqa", scored, balanced)


def _check(found: Iterable[str], asked: Iterable[int | str], path: Path, *, strict: bool) -> None:
    checked(dict.fromkeys(found, ""), map(str, asked), path, strict=strict)
