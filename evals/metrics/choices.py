"""Multiple choice: by letter, by the option's text, by likelihood, and under every rotation of the options.

A reply that names no option, or several, is `unscored("parse_failure")`: it counts as wrong, and is never replaced by
a guess.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np

from evals.errors import PredictionError
from evals.metrics.answers import normalised
from evals.metrics.outcomes import MISSING, reason_of
from evals.metrics.ratios import percent_by, scoring_of
from evals.results.schema import Scored, Unscored
from shards.formats.answers import ChoiceAnswer, ChoiceTruth
from shards.formats.predictions import check_ids

ChoiceProtocol = Literal[
    "choice@letter",
    "choice@text",
    "choice@circular",
    "choice@likelihood",
    "choice@likelihood-per-byte",
    "choice@likelihood-per-token",
]
"""How an answer becomes an option.

choice@letter     the one letter that the reply gives, by the grammar of `letter_choice`
choice@text       the one option that equals the reply once both are "exact@normalized"
choice@circular   a reply to each rotation of n options, the k-th of which shows options k, k+1, … n-1, 0, … k-1 as A,
                  B, C …; right if every letter is (Liu et al. 2023, arXiv:2307.06281, CircularEval)
choice@likelihood            the option of the largest log-likelihood; a tie at the top is `unscored("tie")`
choice@likelihood-per-byte   the same, each divided by the bytes of its option in UTF-8
choice@likelihood-per-token  the same, each divided by its number of tokens
"""

_MARK: Final = r"[(\[*\"']*"
_END: Final = r"[)\].:,;*\"']"
_ALONE: Final = re.compile(rf"{_MARK}([A-Za-z]){_END}*")
_LEADING: Final = re.compile(rf"{_MARK}([A-Z])[)\].:*]")
_STATED: Final = re.compile(
    rf"\b(?:answer|option|choice)\b(?:\s++is\b)?+\s*+:?+\s*+{_MARK}([A-Z])(?={_END}|\s*$|\s+(?:is|because|since)\b)",
    re.IGNORECASE,
)


def score_choices(
    questions: Sequence[ChoiceTruth],
    predictions: Mapping[str, ChoiceAnswer | Unscored],
    *,
    protocol: ChoiceProtocol = "choice@letter",
    seed: int = 0,
) -> Scored:
    """Accuracy in percent, overall and per category; unscored questions count as wrong.

    Args:
        predictions: By question id as text.
        seed: Of the bootstrap, which draws clusters.

    Raises:
        PredictionError: If a prediction is for an unknown question, or lacks what the protocol needs.
    """
    check_ids(predictions, {str(question.id) for question in questions}, "choices")
    found = [_verdict(question, predictions.get(str(question.id), MISSING), protocol) for question in questions]
    reasons = [reason_of(verdict) for verdict in found]
    values = np.array([0.0 if isinstance(verdict, Unscored) else float(verdict) for verdict in found])
    scoring = scoring_of(questions, reasons, protocol, seed)
    by_category = percent_by([question.category for question in questions], values)
    breakdown = {"category": by_category} if by_category else {}
    return Scored(scoring.mean("accuracy", values), {}, breakdown, scoring.rows(values))


def letter_choice(reply: str, n_choices: int) -> int | None:
    """The place of the option whose letter the reply gives, None if it gives none, several, or one past the last.

    Letters count where they stand (white space at the ends is dropped)
    - alone: `B`, `b`, `(B)`, `B.`, `**B**`;
    - in capitals at the start, closed by one of `) ] . : *`: `B. a dog`, `(B) a dog`; not `A dog`;
    - in capitals behind "answer", "option" or "choice" (with "is" or a colon between, perhaps), and before a mark,
      the end, "is", "because" or "since": `The answer is B.`, `Answer: (B)`, `Option B is right`.
    """
    text = reply.strip()
    letters = {found[1] for found in (_ALONE.fullmatch(text), _LEADING.match(text)) if found}
    letters |= {found[1] for found in _STATED.finditer(text) if found[1].isupper()}
    places = {ord(letter.upper()) - ord("A") for letter in letters}
    place = places.pop() if len(places) == 1 else n_choices
    return place if place < n_choices else None


def text_choice(reply: str, choices: Sequence[str]) -> int | None:
    """The place of the option that equals the reply once both are normalised; None if none or several do."""
    wanted = normalised(reply)
    places = [place for place, choice in enumerate(choices) if normalised(choice) == wanted]
    return places[0] if len(places) == 1 else None


def _verdict(question: ChoiceTruth, answer: ChoiceAnswer | Unscored, protocol: ChoiceProtocol) -> bool | Unscored:
    if isinstance(answer, Unscored):
        return answer
    place = f"choices, id {question.id}"
    match protocol:
        case "choice@letter" | "choice@text":
            if answer.answer is None:
                raise PredictionError(place, expected='"answer", the reply\'s text', found="none")
            if protocol == "choice@letter":
                chosen = letter_choice(answer.answer, len(question.choices))
            else:
                chosen = text_choice(answer.answer, question.choices)
            return Unscored("parse_failure") if chosen is None else chosen == question.answer
        case "choice@circular":
            _check_length(answer.answers, question, place, "answers")
            return _circular(question, answer.answers or ())
        case _:
            return _likeliest(question, answer, protocol, place)


def _circular(question: ChoiceTruth, replies: Sequence[str]) -> bool | Unscored:
    """Wrong if any rotation is answered wrongly; unscored if none is, but one cannot be read."""
    n = len(question.choices)
    chosen = [letter_choice(reply, n) for reply in replies]
    verdicts = {place if place is None else (place + turn) % n == question.answer for turn, place in enumerate(chosen)}
    if False in verdicts:
        return False
    return Unscored("parse_failure") if None in verdicts else True


def _likeliest(question: ChoiceTruth, answer: ChoiceAnswer, protocol: ChoiceProtocol, place: str) -> bool | Unscored:
    _check_length(answer.likelihoods, question, place, "likelihoods")
    likelihoods = np.array(answer.likelihoods)
    if not np.isfinite(likelihoods).all():
        raise PredictionError(place, expected="finite log-likelihoods", found=str(answer.likelihoods))
    if protocol == "choice@likelihood-per-byte":
        likelihoods /= [max(1, len(choice.encode())) for choice in question.choices]
    elif protocol == "choice@likelihood-per-token":
        _check_length(answer.tokens, question, place, "tokens")
        likelihoods /= answer.tokens
    best = np.flatnonzero(likelihoods == likelihoods.max())
    return Unscored("tie") if len(best) > 1 else bool(best[0] == question.answer)


def _check_length(values: Sequence[object] | None, question: ChoiceTruth, place: str, field: str) -> None:
    n = len(question.choices)
    if values is None or len(values) != n:
        found = "none" if values is None else str(len(values))
        raise PredictionError(place, expected=f'"{field}", one for each of {n} choices', found=found)
