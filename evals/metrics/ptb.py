"""Penn Treebank tokens of captions, as the official caption scorers cut them.

Source: pycocoevalcap 1.2, tokenizer/ptbtokenizer.py (Stanford CoreNLP 3.4.1 with -preserveLines -lowerCase), observed
as a black box.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Final

from evals.errors import PredictionError
from evals.metrics.ptb_table import Hopeless, Table

_PUNCTUATION = "'' ' `` ` -LRB- -RRB- -LCB- -RCB- . ? ! , : - -- ... ;"
_DROPPED: Final = frozenset(["", *_PUNCTUATION.split()])
_MEMORY_LIMIT_CHUNKS: Final = 100_000
_LONGEST_KNOWN_CHUNK: Final = 40
_HALF = re.compile("[\ud800-\udfff]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def ptb_tokenize(captions: Sequence[str]) -> list[list[str]]:
    """Lower-case Penn Treebank tokens without punctuation, one list per caption, as one official run gives them.

    All captions are lines of one text. So the last token of a caption may depend on the next caption; and a caption
    with another line end than a newline (carriage return, form feed, U+2028 ...) gives its rest to the next place and
    moves all later captions, as it does officially. A newline inside a caption is a space.

    Raises:
        PredictionError: If a caption holds a lone surrogate, which no UTF-8 file can hold.
    """
    _refuse_halves(captions)
    text = "\n".join([caption.replace("\n", " ") for caption in captions])
    if not text.isascii():
        text = _ASTRAL.sub(_halves, text)
    return _lexer().rows(text)[: len(captions)]


def _refuse_halves(captions: Sequence[str]) -> None:
    for index, caption in enumerate(captions):
        if not caption.isascii() and (found := _HALF.search(caption)):
            raise PredictionError(
                f"caption {index}, character {found.start()}",
                expected="text that UTF-8 can hold",
                found=f"the lone surrogate U+{ord(found[0]):04X}",
                remedy="replace it, for example by U+FFFD",
            )


def _halves(match: re.Match[str]) -> str:
    """The official tokenizer sees a character above U+FFFF as two."""
    high, low = divmod(ord(match[0]) - 0x10000, 0x400)
    return chr(0xD800 + high) + chr(0xDC00 + low)


@cache
def _lexer() -> "_Lexer":
    return _Lexer()


class _Lexer:
    """The automaton, with a memory of chunks between spaces whose tokens no neighbour can change."""

    def __init__(self) -> None:
        self._table = Table()
        self._inside: dict[str, list[str]] = {"": []}
        self._at_end: dict[str, list[str]] = {"": []}

    def rows(self, text: str) -> list[list[str]]:
        """Tokens of each line that the official tokenizer writes for the text."""
        lines, rows, number, begin = text.split("\n"), list[list[str]](), 0, 0
        hopeless: Hopeless = {}
        while number < len(lines):
            row = self._remembered(lines[number]) if number + 1 < len(lines) else None
            if row is not None:
                rows.append(row)
                begin += len(lines[number]) + 1
                number += 1
            else:
                read, end = self._read(text, begin, hopeless)
                rows += read
                number += text.count("\n", begin, end) or 1
                begin = end
        return rows

    def _remembered(self, line: str) -> list[str] | None:
        *words, last = line.split(" ")
        try:
            return [*chain.from_iterable(map(self._inside.__getitem__, words)), *self._at_end[last]]
        except KeyError:
            return None

    def _known_words(self, text: str, at: int, tokens: list[str]) -> int:
        """Place behind the words from `at` that memory knows, each with its blank; adds their tokens."""
        if not (tokens and tokens[-1][-1:].isspace()):  # whether that blank is written depends on what follows
            while (end := text.find(" ", at, at + _LONGEST_KNOWN_CHUNK)) >= 0:
                known = self._inside.get(text[at:end])
                if known is None or text[end + 1 : end + 2].isspace():  # blanks in a row are read as one
                    break
                tokens += known
                at = end + 1
        return at

    def _read(self, text: str, at: int, hopeless: Hopeless) -> tuple[list[list[str]], int]:
        """Rows from `at` to the next newline outside a token, and the place behind it."""
        rows, tokens, chunk_begin, chunk_token, seen = list[list[str]](), list[str](), at, 0, at
        while at < len(text):
            if at == chunk_begin:
                at = chunk_begin = self._known_words(text, at, tokens)
                chunk_token = len(tokens)
                if at == len(text):
                    break
            match, token, looked = self._table.token(text, at, hopeless)
            if token == "\n" or match[0] == " ":
                if seen <= at + 1 and chunk_begin < at:
                    self._remember(text[chunk_begin:at], text[at], tokens[chunk_token:])
                if token is not None:
                    rows += _written_rows(tokens)
                    tokens = []
                    if match == "\n":
                        return rows, at + 1
                at = chunk_begin = at + len(match)
                seen = at
                continue
            if token is not None:
                tokens.append(token)
            at, seen = at + len(match), max(seen, looked)
        return rows + _written_rows(tokens), at

    def _remember(self, chunk: str, follower: str, tokens: Sequence[str]) -> None:
        memory = self._inside if follower == " " else self._at_end if follower == "\n" else None
        if memory is not None and len(memory) < _MEMORY_LIMIT_CHUNKS:
            row = _written_rows(tokens)
            if len(row) == 1 and not any(token[-1:].isspace() for token in tokens):
                memory[chunk] = row[0]


def _written_rows(tokens: Iterable[str]) -> list[list[str]]:
    """What the official reader makes of written tokens; one that holds a newline breaks the line."""
    lines = " ".join(tokens).split("\n")
    return [[token for token in line.rstrip().split(" ") if token not in _DROPPED] for line in lines]
