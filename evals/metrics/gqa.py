"""GQA's seven numbers that need no model internals, by the rules of its official script.

Source: Hudson and Manning 2019, arXiv:1902.09506, section 4.4; the dataset's eval.py (rules written anew).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from evals.errors import AnnotationError, PredictionError
from evals.metrics.outcomes import outcomes, reason_of
from evals.metrics.ratios import Scoring, linearised, percent_by
from evals.results.schema import Bounds, Metric, Scored, Unscored
from evals.statistics.bootstrap import FloatArray
from shards.formats.gqa import GqaChoices, GqaQuestion

PROTOCOL: Final = "gqa@official"
_COMMON: Final = frozenset({"color", "material", "shape"})


def score_gqa(
    questions: Mapping[str, GqaQuestion],
    predictions: Mapping[str, str | Unscored],
    *,
    choices: Mapping[str, GqaChoices] | None = None,
    with_consistency: bool = False,
    seed: int = 0,
) -> Scored:
    """Accuracy over the balanced questions, and what the official script says beside it.

    Answers are compared as they are, as in the original: "Yes" is not "yes". Without a question of its kind a number
    has no value, where the script prints 0.

    accuracy, binary, open   percent of right answers: of all, of those that are not of structure "query", of those
                             that are
    consistency              percent of right answers among the questions that a rightly answered one entails, averaged
                             per such question; with `with_consistency` alone
    validity, plausibility   percent of answers among the valid and the plausible choices; colour, material and shape
                             where the detailed type holds "Common"; with `choices` alone
    distribution             chi-square between predicted and true answers, per group weighted by its questions, over
                             100; lower is better. Its interval resamples its linear part.

    An unscored question counts as wrong, invalid and without an answer, also where another entails it; rows are the
    balanced questions.

    Args:
        predictions: Answer by question id; with `with_consistency` there must be one for each, as in the original.
        seed: Of the bootstrap, which draws images.

    Raises:
        PredictionError: If a prediction is for an unknown question, is no text, or is missing for consistency.
        AnnotationError: If choices, or an entailed question with `with_consistency`, are not there.
    """
    found = dict(zip(questions, outcomes(questions, predictions, place="GQA predictions"), strict=True))
    balanced = {name: question for name, question in questions.items() if question.is_balanced}
    if with_consistency and len(predictions) < len(questions):
        n_missing = len(questions) - len(predictions)
        raise PredictionError("GQA consistency", expected="answers to all questions", found=f"none to {n_missing}")
    reasons = [reason_of(found[name]) for name in balanced]
    scoring = Scoring(PROTOCOL, list(balanced), [one.image_id for one in balanced.values()], reasons, seed)
    task = _Task(balanced, questions if with_consistency else None, choices)
    answers = {name: answer for name, answer in found.items() if isinstance(answer, str)}
    filled = {name: answers.get(name, question.answer) for name, question in questions.items()}
    shown, right = task.parts(answers), task.parts(filled)
    numbers = {name: scoring.ratio(name, parts, right=right[name], of=parts[:, 1] > 0) for name, parts in shown.items()}
    numbers["distribution"] = _distribution(scoring, balanced, answers, filled)
    is_right = shown["accuracy"][:, 0]
    breakdown = {
        "structural_type": percent_by([one.types.structural for one in balanced.values()], is_right),
        "semantic_type": percent_by([one.types.semantic for one in balanced.values()], is_right),
    }
    return Scored(numbers.pop("accuracy"), numbers, breakdown, scoring.rows(is_right))


@dataclass(frozen=True)
class _Task:
    """The balanced questions; all of them if consistency is asked for; choices if validity is."""

    balanced: Mapping[str, GqaQuestion]
    all_questions: Mapping[str, GqaQuestion] | None
    choices: Mapping[str, GqaChoices] | None

    def parts(self, answers: Mapping[str, str]) -> dict[str, FloatArray]:
        """What each share is made of: right and counted, [n, 2] by name."""
        right = np.array([answers.get(name) == one.answer for name, one in self.balanced.items()], dtype=np.float64)
        is_query = np.array([one.types.structural == "query" for one in self.balanced.values()], dtype=bool)
        kinds = {"accuracy": np.ones(len(right)), "binary": ~is_query, "open": is_query}
        parts = {name: np.column_stack([right * counts, counts]) for name, counts in kinds.items()}
        if self.choices is not None:
            hits = np.array([self._belongs(name, answers.get(name)) for name in self.balanced], dtype=np.float64)
            for column, name in enumerate(("validity", "plausibility")):
                parts[name] = np.column_stack([hits.reshape(-1, 2)[:, column], np.ones(len(right))])
        if self.all_questions is not None:
            pairs = [self._entailed(name, self.all_questions, answers) for name in self.balanced]
            parts["consistency"] = np.array(pairs, dtype=np.float64).reshape(-1, 2)
        return parts

    def _belongs(self, name: str, answer: str | None) -> tuple[bool, bool]:
        """Whether the answer is valid, and whether it is plausible."""
        if "Common" in self.balanced[name].types.detailed:
            return answer in _COMMON, answer in _COMMON
        choices = (self.choices or {}).get(name)
        if choices is None:
            expected = "choices for each balanced question"
            raise AnnotationError("GQA choices", expected=expected, found=f"none for {name}")
        return answer in choices.valid, answer in choices.plausible

    def _entailed(
        self, name: str, questions: Mapping[str, GqaQuestion], answers: Mapping[str, str]
    ) -> tuple[float, float]:
        """Share of right answers among the questions that this one entails, and whether it counts."""
        entailed = [other for other in self.balanced[name].entailed if other != name]
        if not entailed or answers.get(name) != self.balanced[name].answer:
            return 0.0, 0.0
        absent = [other for other in entailed if other not in questions]
        if absent:
            place, found = f"GQA question {name}", f"no question {absent[0]}"
            remedy = "take the *_all_questions.json file, or leave consistency out"
            raise AnnotationError(place, expected="the questions that it entails", found=found, remedy=remedy)
        return sum(answers.get(other) == questions[other].answer for other in entailed) / len(entailed), 1.0


def _distribution(
    scoring: Scoring, balanced: Mapping[str, GqaQuestion], answers: Mapping[str, str], filled: Mapping[str, str]
) -> Metric:
    """Chi-square over 100; its linear part is what each question adds to it at the margin."""
    (value, margins), (best, _) = _chi_square(balanced, answers), _chi_square(balanced, filled)
    of = np.array([one.groups.global_ is not None for one in balanced.values()], dtype=bool)
    bounds = None if value is None or best is None else Bounds(value, best)
    parts, statistic = margins[:, None], lambda sums: np.maximum(0, sums[:, 0])
    metric = scoring.number(
        "distribution", value=value, bounds=bounds, parts=parts, statistic=statistic, of=of, unit="raw"
    )
    return msgspec.structs.replace(linearised(metric), higher_is_better=False)


def _chi_square(balanced: Mapping[str, GqaQuestion], answers: Mapping[str, str]) -> tuple[float | None, FloatArray]:
    """The distribution score, and its derivative along each question's weight, [n]; these sum to the score."""
    margins = np.zeros(len(balanced))
    places = [place for place, one in enumerate(balanced.values()) if one.groups.global_ is not None]
    if not places:
        return None, margins
    names, questions = list(balanced), list(balanced.values())
    groups = [questions[place].groups.global_ for place in places]
    group_codes = {group: code for code, group in enumerate(dict.fromkeys(groups))}
    truths = [(group, questions[place].answer) for place, group in zip(places, groups, strict=True)]
    cells = {cell: code for code, cell in enumerate(dict.fromkeys(truths))}  # predictions outside of them do not count
    true = np.array([cells[cell] for cell in truths])
    replies = ((group, answers.get(names[place])) for place, group in zip(places, groups, strict=True))
    said = np.array([cells.get(reply, -1) for reply in replies])  # type: ignore[arg-type]
    group_of = np.array([group_codes[group] for group, _ in cells])  # [cells]
    expected = np.bincount(true).astype(np.float64)
    observed = np.bincount(said[said >= 0], minlength=len(cells))
    scores = np.bincount(group_of, weights=(observed - expected) ** 2 / expected)  # [groups]
    sizes = np.bincount(group_of, weights=expected)
    value = float((scores * sizes).sum() / sizes.sum())
    by_truth = (1 - (observed / expected) ** 2) * sizes[group_of] + scores[group_of] - value  # [cells]
    by_reply = np.append(2 * (observed / expected - 1) * sizes[group_of], 0)  # the last one for replies outside
    margins[places] = (by_truth[true] + by_reply[said]) / sizes.sum()
    return value / 100, margins / 100
