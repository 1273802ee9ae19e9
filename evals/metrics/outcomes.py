"""What became of each item: an answer, or the reason why there is none."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

from evals.errors import PredictionError
from evals.results.schema import Unscored

Id = TypeVar("Id", int, str)

MISSING: Final = Unscored("missing")
NO_METRICS: Final[Mapping[str, float]] = {}  # one for all rows: a hundred thousand empty dicts take their time


def outcomes(ids: Iterable[Id], predictions: Mapping[Id, str | Unscored], *, place: str) -> list[str | Unscored]:
    """The prediction for each id, in order; `Unscored("missing")` where there is none.

    Raises:
        PredictionError: If a prediction is for an id that is not among `ids`, or is neither text nor `Unscored`.
    """
    wanted = list(ids)
    unknown = set(predictions).difference(wanted)
    if unknown:
        shown = ", ".join(sorted(map(repr, unknown))[:3])
        raise PredictionError(
            place,
            expected=f"ids among the {len(wanted)} that are asked for",
            found=f"{len(unknown)} unknown, such as {shown}",
            remedy="check that predictions and benchmark are of the same split",
        )
    found = [predictions.get(key, MISSING) for key in wanted]
    for key, outcome in zip(wanted, found, strict=True):
        if not isinstance(outcome, (str, Unscored)):
            raise PredictionError(
                f"{place}, id {key}", expected="text", found=f"{type(outcome).__name__} {outcome!r:.80}"
            )
    return found


def reason_of(outcome: object) -> str | None:
    """Why the item is unscored, None if it has an answer."""
    return outcome.reason if isinstance(outcome, Unscored) else None


def reasons_of(found: Sequence[object], read: Sequence[object]) -> list[str | None]:
    """Why each item is unscored, where an answer that could not be read (None) is a parse failure."""
    unread = ("parse_failure" if one is None else None for one in read)
    return [reason_of(outcome) or failure for outcome, failure in zip(found, unread, strict=True)]


def counted(reasons: Iterable[str | None]) -> dict[str, int]:
    """How many items each reason left unscored, most frequent first."""
    return dict(Counter(reason for reason in reasons if reason is not None).most_common())
