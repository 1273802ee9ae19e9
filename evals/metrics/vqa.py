"""VQA accuracy: an answer is right as far as three of the other annotators gave it.

Source: Antol et al. 2015, arXiv:1505.00468; GT-Vision-Lab/VQA, vqaEval.py (the rules, written anew).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from evals.errors import AnnotationError
from evals.metrics.outcomes import outcomes, reason_of
from evals.metrics.ratios import Scoring, percents
from evals.metrics.vqa_words import normalised, without_breaks, without_punctuation
from evals.results.schema import Bounds, Metric, Scored, Unscored
from evals.statistics.bootstrap import FloatArray
from shards.formats.vqa import VqaAnswer, VqaTruth

VqaRevision = Literal["official", "official-before-2021"]
"""The official scorer since 11 March 2021, and as it was before: ground truths then kept case and articles."""

Codes: TypeAlias = npt.NDArray[np.int64]
_TextStep: TypeAlias = Callable[[str], str]

# What becomes of a ground truth: first text is used if all of a question's first texts are equal, else the second.
_TRUTH_TEXTS: Final[dict[VqaRevision, tuple[_TextStep, _TextStep]]] = {
    "official": (without_breaks, normalised),
    "official-before-2021": (str, without_punctuation),
}
_ANSWER_TEXTS: Final[dict[VqaRevision, tuple[_TextStep, _TextStep]]] = {
    "official": (without_breaks, normalised),
    "official-before-2021": (normalised, normalised),
}


def score_vqa(
    questions: Sequence[VqaTruth],
    predictions: Mapping[int, str | Unscored],
    *,
    revision: VqaRevision = "official",
    seed: int = 0,
) -> Scored:
    """VQA accuracy in percent, exactly as the official scorer computes it, before its rounding to two decimals.

    An annotation whose id comes again replaces the earlier ones and is counted each time, as in the original, the
    repeats on texts that the first time has already cleaned; the rows of repeats are called `ID#2`, `ID#3`, ….

    Args:
        predictions: Answer by question id; a missing one counts as wrong and is `unscored("missing")`.
        seed: Of the bootstrap, which draws images.

    Raises:
        PredictionError: If a prediction is for an unknown question, or is no text.
        AnnotationError: If a question has no ground truth.
    """
    questions, names = _repeats_resolved(questions, revision)
    found = outcomes([question.question_id for question in questions], predictions, place="VQA predictions")
    images = [str(question.image_id) for question in questions]
    scoring = Scoring(f"vqa@{revision}", names, images, [reason_of(outcome) for outcome in found], seed)
    answers = [outcome if isinstance(outcome, str) else "" for outcome in found]
    accuracies = vqa_accuracies(questions, answers, revision=revision) * ~scoring.is_open
    breakdown = {
        "question_type": percents([question.question_type for question in questions], accuracies),
        "answer_type": percents([question.answer_type for question in questions], accuracies),
    }
    primary = _accuracy_metric(scoring, accuracies)
    return Scored(primary=primary, metrics={}, breakdown=breakdown, rows=scoring.rows(accuracies))


def vqa_accuracies(
    questions: Sequence[VqaTruth], answers: Sequence[str], *, revision: VqaRevision = "official"
) -> FloatArray:
    """Accuracy of each answer, [n] in [0, 1]: the mean over ground truths of min(1, matches among the others / 3).

    "Others" are the ground truths that differ from the one left out in any field, so that records which are equal
    in every field drop each other. If all ground truths of a question are the same text, neither they nor the
    answer are normalised beyond white space.

    Raises:
        AnnotationError: If a question has no ground truth.
    """
    counts = np.array([len(question.answers) for question in questions], dtype=np.int64)
    if not questions:
        return np.zeros(0)
    if not counts.all():
        question_id = questions[int(np.argmin(counts))].question_id
        raise AnnotationError(f"question {question_id}", expected="at least one ground-truth answer", found="none")
    owners, starts = np.repeat(np.arange(len(questions)), counts), np.cumsum(counts) - counts
    records = list(chain.from_iterable([question.answers for question in questions]))
    vocabulary: dict[str, int] = {}
    plain, divided = _coded([record.answer for record in records], _TRUTH_TEXTS[revision], vocabulary)
    is_unanimous = np.minimum.reduceat(plain, starts) == np.maximum.reduceat(plain, starts)
    truths = np.where(is_unanimous[owners], plain, divided)
    plain, divided = _coded(answers, _ANSWER_TEXTS[revision], vocabulary)
    is_match = truths == np.where(is_unanimous, plain, divided)[owners]
    # bincount adds in order, as the original does: sums agree to the last bit.
    matches = np.bincount(owners, weights=is_match)[owners] - is_match * _multiplicities(records, truths, starts)
    return np.bincount(owners, weights=np.minimum(1.0, matches / 3.0)) / counts


def _coded(texts: Sequence[str], steps: tuple[_TextStep, _TextStep], vocabulary: dict[str, int]) -> tuple[Codes, Codes]:
    """Codes of the texts after either step, [n] each; a step is taken once for each distinct text."""
    distinct: dict[str, int] = {}
    positions = np.array([distinct.setdefault(text, len(distinct)) for text in texts], dtype=np.int64)
    coded = [[vocabulary.setdefault(step(text), len(vocabulary)) for text in distinct] for step in steps]
    first, second = np.array(coded, dtype=np.int64)
    return first[positions], second[positions]


def _multiplicities(records: Sequence[VqaAnswer], truths: Codes, starts: Codes) -> FloatArray:
    """How often each ground-truth record stands in its question, equal in every field, [answers]."""
    identifiers = np.array([record.answer_id for record in records], dtype=np.float64)
    rises = np.diff(identifiers, prepend=-np.inf) > 0  # false beside a missing id, which is nan
    rises[starts] = True
    times = np.ones(len(truths))
    bounds = np.append(starts, len(records))
    for position in np.flatnonzero(~np.logical_and.reduceat(rises, starts)).tolist():  # ids do not tell records apart
        own = slice(*bounds[position : position + 2].tolist())
        keys = [
            (text, record.answer_confidence, record.answer_id, record.raw_answer)
            for text, record in zip(truths[own].tolist(), records[own], strict=True)
        ]
        frequency = Counter(keys)
        times[own] = [frequency[key] for key in keys]
    return times


def _repeats_resolved(questions: Sequence[VqaTruth], revision: VqaRevision) -> tuple[Sequence[VqaTruth], Sequence[str]]:
    """Questions as the original sees them where ids repeat, and a unique name for each."""
    names = [str(question.question_id) for question in questions]
    if len(set(names)) == len(names):
        return questions, names
    current = {question.question_id: question for question in questions}
    turns: Counter[int] = Counter()
    resolved = []
    for position, question in enumerate(questions):
        turns[question.question_id] += 1
        turn = turns[question.question_id]
        if turn > 1:
            names[position] += f"#{turn}"
            current[question.question_id] = _after_scoring(current[question.question_id], revision)
        resolved.append(current[question.question_id])
    return resolved, names


def _after_scoring(question: VqaTruth, revision: VqaRevision) -> VqaTruth:
    """The question with the texts that the original leaves behind in its records."""
    plain, divided = _TRUTH_TEXTS[revision]
    texts = [plain(answer.answer) for answer in question.answers]
    if len(set(texts)) > 1:
        texts = [divided(answer.answer) for answer in question.answers]
    left = [msgspec.structs.replace(answer, answer=text) for answer, text in zip(question.answers, texts, strict=True)]
    return msgspec.structs.replace(question, answers=tuple(left))


def _accuracy_metric(scoring: Scoring, accuracies: FloatArray) -> Metric:
    """The percentage with the official order of operations, which `Scoring.mean` has not."""
    n, n_open = len(accuracies), int(scoring.is_open.sum())
    value = percents([""] * n, accuracies).get("")
    bounds = None if value is None else Bounds(value, value + 100 * n_open / n)
    parts = np.column_stack([accuracies, np.ones(n)])

    def percent(totals: FloatArray) -> FloatArray:
        return np.asarray(100 * totals[:, 0] / totals[:, 1])

    return scoring.number("vqa_accuracy", value=value, bounds=bounds, parts=parts, statistic=percent, unit="percent")
