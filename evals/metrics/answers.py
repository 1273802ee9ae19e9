"""Short answers: exact match under named normalisations, ANLS, and yes/no with precision, recall and F1."""

import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

import numpy as np

from evals.metrics.outcomes import outcomes, reason_of, reasons_of
from evals.metrics.ratios import BoolArray, Scoring, scoring_of
from evals.results.schema import Metric, Scored, Unscored
from evals.statistics.bootstrap import FloatArray
from shards.formats.answers import AnswerTruth, YesNoTruth

AnswerProtocol = Literal["exact@literal", "exact@lower", "exact@normalized", "anls@0.5"]
"""When an answer is right.

exact@literal     it equals one of the truths, character for character
exact@lower       the same after white space at the ends is dropped and all is lower-cased
exact@normalized  the same after lower-casing, deleting ASCII punctuation, blanking out a, an and the, and joining words
                  by one blank, in this order (Rajpurkar et al. 2016, arXiv:1606.05250, its evaluation script)
anls@0.5          1 - NL for the closest truth where NL < 0.5, else 0; NL = edit distance / characters of the longer
                  text, both lower-cased and with single blanks (Biten et al. 2019, arXiv:1905.13648, equation 1)
"""
YesNoProtocol = Literal["yesno@pope", "yesno@first-word"]
"""How an answer becomes yes or no.

yesno@pope        no if "No", "no" or "not" is among the words before the first period, commas deleted and split at
                  blanks; yes otherwise, whatever it says (Li et al. 2023, arXiv:2305.10355, its evaluation script)
yesno@first-word  its first word, in any case; `unscored("parse_failure")` if that is neither
"""

ANLS_THRESHOLD: Final = 0.5
_ARTICLES: Final = re.compile(r"\b(a|an|the)\b")
_WITHOUT_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)
_FIRST_WORD: Final = re.compile(r"[\W_]*(yes|no)\b", re.IGNORECASE)
_NEGATIONS: Final = frozenset({"No", "no", "not"})


def score_answers(
    truths: Sequence[AnswerTruth],
    predictions: Mapping[str, str | Unscored],
    *,
    protocol: AnswerProtocol = "exact@normalized",
    seed: int = 0,
) -> Scored:
    """Exact match in percent, or ANLS as a fraction; unscored questions count as wrong.

    Args:
        predictions: Answer by question id as text.
        seed: Of the bootstrap, which draws clusters.

    Raises:
        PredictionError: If a prediction is for an unknown question, or is no text.
    """
    found = outcomes([str(truth.id) for truth in truths], predictions, place="answers")
    scoring = scoring_of(truths, [reason_of(outcome) for outcome in found], protocol, seed)
    told = zip(truths, found, strict=True)
    worth = [answer_value(said, one.answers, protocol) if isinstance(said, str) else 0.0 for one, said in told]
    values = np.array(worth)
    is_anls = protocol == "anls@0.5"
    primary = scoring.mean("anls" if is_anls else "exact_match", values, unit="fraction" if is_anls else "percent")
    return Scored(primary=primary, metrics={}, breakdown={}, rows=scoring.rows(values))


def answer_value(answer: str, truths: Sequence[str], protocol: AnswerProtocol) -> float:
    """The value of one answer, between 0 and 1."""
    if protocol == "anls@0.5":
        return max(_similarity(_single_blanks(answer), _single_blanks(truth)) for truth in truths)
    normalise = _NORMALISATIONS[protocol]
    return float(normalise(answer) in {normalise(truth) for truth in truths})


def normalised(text: str) -> str:
    """The text as "exact@normalized" compares it."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split())


_NORMALISATIONS: Final[Mapping[str, Callable[[str], str]]] = {
    "exact@literal": str,
    "exact@lower": lambda text: text.strip().lower(),
    "exact@normalized": normalised,
}


def edit_distance(first: str, second: str) -> int:
    """Levenshtein distance in characters, with a row of the table in the bits of one number.

    Source: Hyyrö 2003, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances".
    """
    if not first:
        return len(second)
    places: dict[str, int] = {}
    for place, letter in enumerate(first):
        places[letter] = places.get(letter, 0) | 1 << place
    all_places, last = (1 << len(first)) - 1, 1 << len(first) - 1
    rises, falls, distance = all_places, 0, len(first)  # down the current column
    for letter in second:
        matches = places.get(letter, 0)
        is_free = (((matches & rises) + rises) ^ rises) | matches | falls
        rises_across, falls_across = falls | ~(is_free | rises), rises & is_free
        distance += bool(rises_across & last) - bool(falls_across & last)
        rises_across = rises_across << 1 | 1
        rises = (falls_across << 1 | ~(is_free | rises_across)) & all_places
        falls = rises_across & is_free & all_places
    return distance


def _similarity(answer: str, truth: str) -> float:
    longer = max(len(answer), len(truth))
    distance = edit_distance(answer, truth) / longer if longer else 0.0
    return 1 - distance if distance < ANLS_THRESHOLD else 0.0


def _single_blanks(text: str) -> str:
    return " ".join(text.lower().split())


def score_yes_no(
    questions: Sequence[YesNoTruth],
    predictions: Mapping[str, str | Unscored],
    *,
    protocol: YesNoProtocol = "yesno@pope",
    seed: int = 0,
) -> Scored:
    """Accuracy, precision, recall and F1 of "yes", and the share of questions answered yes; all in percent.

    An unscored question is answered neither yes nor no: it counts against accuracy, recall and F1, and is no part of
    precision. A number without a denominator, such as the precision of a model that never says yes, has no value.
    Row metric: "yes", 1 if the answer is.

    Raises:
        PredictionError: If a prediction is for an unknown question, or is no text.
    """
    found = outcomes([str(question.id) for question in questions], predictions, place="yes/no answers")
    replies = [is_yes(outcome, protocol) if isinstance(outcome, str) else None for outcome in found]
    scoring = scoring_of(questions, reasons_of(found, replies), protocol, seed)
    says_yes = np.array([reply is True for reply in replies], dtype=bool)
    label = np.array([question.label == "yes" for question in questions], dtype=bool)
    is_right = (says_yes == label).astype(np.float64)
    primary, *others = _yes_no_metrics(scoring, says_yes, label, is_right)
    rows = scoring.rows(is_right, [{"yes": float(said)} for said in says_yes.tolist()])
    return Scored(primary=primary, metrics={other.metric: other for other in others}, breakdown={}, rows=rows)


def is_yes(text: str, protocol: YesNoProtocol) -> bool | None:
    """Whether the answer is yes under the protocol; None if it is neither."""
    if protocol == "yesno@pope":
        return _NEGATIONS.isdisjoint(text.partition(".")[0].replace(",", "").split(" "))
    found = _FIRST_WORD.match(text)
    return None if found is None else found[1].lower() == "yes"


def _yes_no_metrics(
    scoring: Scoring, says_yes: BoolArray, label: BoolArray, is_right: FloatArray
) -> tuple[Metric, ...]:
    wrong, right = (np.where(scoring.is_open, reply, says_yes) for reply in (~label, label))

    def ratio(name: str, parts: Callable[[BoolArray], FloatArray]) -> Metric:
        return scoring.ratio(name, parts(says_yes), wrong=parts(wrong), right=parts(right))

    return (
        scoring.mean("accuracy", is_right),
        ratio("precision", lambda yes: np.column_stack([yes & label, yes])),
        ratio("recall", lambda yes: np.column_stack([yes & label, label])),
        ratio("f1", lambda yes: np.column_stack([2.0 * (yes & label), yes + label.astype(np.float64)])),
        scoring.ratio("yes_share", np.column_stack([says_yes, np.ones(len(label))]), right=None),
    )
