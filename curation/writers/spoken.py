"""Captions as a speaker would put them inside a sentence, and templates filled with them."""

import functools
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import msgspec

_SMALL = re.compile(
    r"(?i:an?|the|this|that|these|those|some|several|many|few|one|two|three|four|five|six|no|close|top|detail|circa|"
    r"he|she|it|they|his|her|their|there|here|in|on|at|of|with|from|by|under|over|inside|near|after|as|first|then|"
    r"m[ae]n|wom[ae]n|boys?|girls?|child|children|people|person|someone|young|old|aerial|views?|water|"
    r"wind|rain|traffic|birds?|dogs?|cats?|cars?|trucks?|bus|trains?|engines?|farm|baby|lab|clear|single|group|crowd|"
    r"[a-z]{2,}ing)\b"
)
"""Beginnings of captions that have a capital only because they begin them."""

_WORD = re.compile(r"[^\W\d_]{4,}")
_GRAMMAR = re.compile(
    r"also|been|being|both|circa|each|from|have|having|including|into|just|more|most|much|multiple|only|onto|other|over|same|some|such|than|that|"
    r"their|them|then|there|these|they|this|those|through|under|until|upon|very|were|what|when|where|which|while|with|"
    r"using|within|without|would|your"
)
_FIELD = re.compile(r"\{(\w+)\}")
_GAP = re.compile(r"\s+(?=[,.;:!?])")


def spoken(caption: str) -> str:
    """The caption for use inside a sentence: no full stop at its end, no capital that only the beginning asked for.

    Blanks before punctuation, as tokenised collections have them, go; double quotes become single ones.
    """
    text = _GAP.sub("", caption.strip()).replace('"', "'").rstrip(".!?,;: ")
    return text[:1].lower() + text[1:] if _SMALL.match(text) else text


def content_words(text: str) -> list[str]:
    """The words that say something, small and in order: of four letters and more, and not mere grammar."""
    return [word for word in _WORD.findall(text.lower()) if not _GRAMMAR.fullmatch(word)]


def fill(template: str, fields: Mapping[str, str]) -> str:
    """Replace each `{name}` by its field, `{Name}` by the field with a capital, and begin with a capital.

    It happens once: braces in a field are text. A caption at the beginning stays as it is.
    """
    text = _FIELD.sub(lambda found: fields.get(found[1]) or capital(fields[found[1].lower()]), template)
    return text if template.startswith("{caption}") else capital(text)


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


@functools.cache
def templates(name: str) -> Any:
    """The templates of a file beside this one."""
    return msgspec.json.decode(resources.files("curation.writers").joinpath(name).read_bytes())
