"""Which objects a caption mentions, by the rules of CHAIR's reference script.

Source: LisaAnne/Hallucination@6e4d33c, utils/chair.py (the rules, written anew; the two-word names are theirs,
BSD-2). The words of `chair_words.txt` are our own choice; the official `data/synonyms.txt` is not part of this package.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Final

from evals.errors import AnnotationError
from evals.metrics.chair_singular import singular
from evals.metrics.chair_tokens import words_of
from shards.errors import told_as

Mention = tuple[str, str]
"""A word of a caption and the object it names, such as ("puppy", "dog")."""

_ANIMALS: Final = "bird cat dog horse sheep cow elephant bear zebra giraffe animal cub"
_PAIRS_KEPT: Final = """motor bike, motor cycle, air plane, traffic light, street light, traffic signal, stop light,
    fire hydrant, stop sign, parking meter, suit case, sports ball, baseball bat, baseball glove, tennis racket,
    wine glass, hot dog, cell phone, mobile phone, teddy bear, hair drier, potted plant, laptop computer, home plate,
    train track"""
_PAIRS: Final[dict[tuple[str, str], str]] = (
    {(first, second): f"{first} {second}" for first, second in map(str.split, _PAIRS_KEPT.split(","))}
    | {(age, animal): animal for age in ("baby", "adult") for animal in _ANIMALS.split()}
    | {("passenger", vehicle): vehicle for vehicle in ("jet", "train")}
    | {("bow", "tie"): "tie", ("toilet", "seat"): "toilet", ("wine", "glas"): "wine glass"}
)
_PAIR_WORDS: Final = frozenset(word for pair in _PAIRS for word in pair)
_PAIR_STARTS: Final = frozenset(first for first, _ in _PAIRS)

# Between blanks such a piece gives the same tokens of the tables whatever its neighbours are: its period ends a
# sentence, since no word of the tables is an abbreviation, and closing marks stay with it.
_PLAIN_PIECE: Final = re.compile(r"""["(]*[a-z0-9]+(?:-[a-z0-9]+)*(?:'[a-z]+)?[,;:")]*[.!?]?[")]*""", re.ASCII)


Synonyms = Mapping[str, str]
"""The object (node word) that each word names."""


@cache
def synonyms() -> Synonyms:
    """Our own table for COCO's 80 categories; also holds what the singular rules leave of its words and their plurals.

    Those rules make "bu" of "bus" and "cano" of "canoes", which a table of plain words would miss.
    """
    table = _table(files("evals.metrics").joinpath("chair_words.txt").read_bytes())
    forms = {" ".join(caption_words(form)): table[word] for word in table for form in (word, word + "s")}
    return {**table, **forms}


def read_synonyms(path: Path) -> Synonyms:
    """A table of one's own: a line an object, its words separated by ", ", the first of them the object's name.

    Raises:
        AnnotationError: If the file cannot be read or holds no words.
    """
    with told_as((OSError, UnicodeDecodeError), AnnotationError, str(path), expected="a synonym table in UTF-8"):
        table = _table(path.read_bytes())
    if not table:
        raise AnnotationError(str(path), expected="a line of synonyms", found="none")
    return table


def _table(content: bytes) -> Synonyms:
    """Words are not trimmed beyond the line's ends, and a later line overrides an earlier one, as in the original."""
    groups = [line.strip().split(", ") for line in content.decode("utf-8-sig").splitlines() if line.strip()]
    return {word: group[0] for group in groups for word in group}


def caption_words(caption: str) -> list[str]:
    """Singular words of a caption in lower case, two-word names joined."""
    return _joined([singular(word) for word in words_of(caption.lower())])


def caption_objects(caption: str, synonyms: Mapping[str, str]) -> list[Mention]:
    """The objects that a caption mentions, in order, repeats kept."""
    return _mentions(caption_words(caption), synonyms)


class ObjectFinder:
    """`caption_objects` for many captions; remembers the pieces between blanks that it has seen."""

    def __init__(self, synonyms: Mapping[str, str]) -> None:
        self._synonyms = synonyms
        self._pieces = _Pieces(_PAIR_WORDS.union(synonyms))
        self._singular = cache(singular)

    def __call__(self, caption: str) -> list[Mention]:
        """The objects that the caption mentions, in order, repeats kept."""
        lower = caption.lower().rstrip()
        encoded = "".join(map(self._pieces.__getitem__, lower.split()))
        if _CONTEXT in encoded or not lower.isprintable():
            return _mentions(_joined(list(map(self._singular, words_of(lower)))), self._synonyms)
        if _PAIR_START in encoded:
            words = _joined(encoded.replace(_PAIR_START, "").replace(_GAP, _GAP + _END).split(_END))
        else:
            words = encoded.replace(_GAP, "").split(_END)
        return _mentions(words, self._synonyms)


# How pieces are encoded, so that those of a caption can be joined and searched as one text: each word that a table
# knows ends in _END, and begins with _PAIR_START if it may open a two-word name; other words are a _GAP each.
_END: Final = "\n"
_GAP: Final = "\t"
_PAIR_START: Final = "\r"
_CONTEXT: Final = "\v"  # the tokens of this piece depend on its neighbours


class _Pieces(dict[str, str]):
    def __init__(self, known_words: Collection[str]) -> None:
        super().__init__()
        self._known_words = known_words

    def __missing__(self, piece: str) -> str:
        is_plain = _PLAIN_PIECE.fullmatch(piece) is not None
        self[piece] = encoded = "".join(map(self._encoded, words_of(piece))) if is_plain else _CONTEXT
        return encoded

    def _encoded(self, token: str) -> str:
        word = singular(token)
        if word not in self._known_words:
            return _GAP
        return (_PAIR_START if word in _PAIR_STARTS else "") + word + _END


def _joined(words: list[str]) -> list[str]:
    """Replace adjacent words that form a two-word name, from left to right."""
    if _PAIR_STARTS.isdisjoint(words):
        return words
    joined, is_used = [], False
    for word, following in pairwise((*words, "")):
        if is_used:
            is_used = False
            continue
        name = _PAIRS.get((word, following))
        is_used = name is not None
        joined.append(word if name is None else name)
    return joined


def _mentions(words: Sequence[str], synonyms: Mapping[str, str]) -> list[Mention]:
    if "toilet" in words and "seat" in words:  # a seat beside a toilet is no chair
        words = [word for word in words if word != "seat"]
    return [(word, synonyms[word]) for word in words if word in synonyms]
