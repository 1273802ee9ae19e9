"""How numbers and names read for people, the same in a terminal, in Markdown and on a page."""

from collections.abc import Mapping
from typing import Final

from evals.results import Exposure, Interval, Unit

DECIMALS: Final[Mapping[Unit, int]] = {"percent": 2, "fraction": 4, "raw": 3}
UNIT_SIGN: Final[Mapping[Unit, str]] = {"percent": "%", "fraction": "0–1", "raw": "raw"}
EXPOSURE_WORDS: Final[Mapping[Exposure, str]] = {
    "strict_zero_shot": "zero-shot",
    "in_domain_media": "in-domain",
    "fine_tuned": "fine-tuned",
    "unknown": "unknown",
}
EXPOSURE_MEANING: Final[Mapping[Exposure, str]] = {
    "strict_zero_shot": "no item and no medium of this benchmark was in the training data",
    "in_domain_media": "media of the same source were in the training data, its questions were not",
    "fine_tuned": "trained on this benchmark's own training split",
    "unknown": "what the model was trained on is not known",
}
_MINUS: Final = "−"


def number(value: float | None, unit: Unit) -> str:
    """A value with the decimals of its unit; a dash where there is none."""
    if value is None:
        return "–"
    text = f"{value:.{DECIMALS[unit]}f}"
    is_zero = not text.strip("-0.")
    return text.lstrip("-") if is_zero else text.replace("-", _MINUS)


def signed(value: float, unit: Unit) -> str:
    """A difference with its sign; plain zero if it rounds to nothing."""
    text = number(value, unit)
    return text if text.startswith(_MINUS) or not text.strip("0.") else f"+{text}"


def span(interval: Interval | None, unit: Unit) -> str:
    """An interval as "[low, high]"; a dash where there is none."""
    return f"[{number(interval.low, unit)}, {number(interval.high, unit)}]" if interval else "–"


def signed_span(low: float, high: float, unit: Unit) -> str:
    """The interval of a difference as "[low, high]" with signs."""
    return f"[{signed(low, unit)}, {signed(high, unit)}]"


def percent(share: float) -> str:
    """A share as a percentage without needless digits: 0.95 reads "95%"."""
    return f"{100 * share:.3g}%"


def p_value(value: float) -> str:
    """A p value with three decimals, or "< 0.001"."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def count(n: int) -> str:
    """A count with thin groups of thousands."""
    return f"{n:,}"


def unscored_words(unscored: Mapping[str, int]) -> str:
    """Why items have no score, most frequent reason first: "3 parse_failure, 1 refusal"."""
    ordered = sorted((item for item in unscored.items() if item[1]), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count(n)} {reason}" for reason, n in ordered)
