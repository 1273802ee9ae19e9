"""Penn Treebank tokens of captions, as the official caption scorers cut them.

Source: pycocoevalcap 1.2, tokenizer/ptbtokenizer.py (Stanford CoreNLP 3.4.1 with -preserveLines -lowerCase), observed
as a black box.
"""

import contextlib
import gc
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Final

from evals.errors import PredictionError
from evals.metrics.ptb_table import Hopeless, Table

_PUNCTUATION = "'' ' `` ` -LRB- -RRB- -LCB- -RCB- . ? ! , : - -- ... ;"
_DROPPED: Final = frozenset(["", *_PUNCTUATION.split()])
_MEMORY_LIMIT_CHUNKS: Final = 100_000
_CHUNK = re.compile(r"(?<![^ \n])([^ \n]+) (?!\s)")  # blanks in a row are read as one
_HALF = re.compile("[\ud800-\udfff]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def ptb_tokenize(captions: Sequence[str]) -> list[list[str]]:
    """Lower-case Penn Treebank tokens without punctuation, one list per caption, as one official run gives them.

    All captions are lines of one text. So the last token of a caption may depend on the next caption; and a caption
    with another line end than a newline (carriage return, form feed, U+2028 ...) gives its rest to the next place and
    moves all later captions, as it does officially. A newline inside a caption is a space.

    Raises:
        PredictionError: If a caption is no string, or holds a lone surrogate, which no UTF-8 file can hold.
    """
    if isinstance(captions, str) or not all(isinstance(caption, str) for caption in captions):
        raise PredictionError("captions", expected="a sequence of strings", found=f"{captions!r:.80}")
    _refuse_halves(captions)
    text = "\n".join([caption.replace("\n", " ") for caption in captions])
    if not text.isascii():
        text = _ASTRAL.sub(_halves, text)
    with _no_collection():
        return _lexer().rows(text)[: len(captions)]


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Nothing here becomes garbage in cycles; looking for it among all these lists can take half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _refuse_halves(captions: Sequence[str]) -> None:
    for index, caption in enumerate(captions):
        if not caption.isascii() and (found := _HALF.search(caption)):
            place, half = f"caption {index}, character {found.start()}", f"the lone surrogate U+{ord(found[0]):04X}"
            remedy = "replace it, for example by U+FFFD"
            raise PredictionError(place, expected="text that UTF-8 can hold", found=half, remedy=remedy)


def _halves(match: re.Match[str]) -> str:
    """The official tokenizer sees a character above U+FFFF as two."""
    high, low = divmod(ord(match[0]) - 0x10000, 0x400)
    return chr(0xD800 + high) + chr(0xDC00 + low)


@cache
def _lexer() -> "_Lexer":
    return _Lexer()


class _Memory(dict[str, list[str]]):
    """What stands between two blanks -> its tokens; the last of a line has its newline with it.

    Raises:
        KeyError: If text further on could change the tokens, or one holds a blank.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._open = set[str]()

    def __missing__(self, chunk: str) -> list[str]:
        if chunk in self._open or (row := self._row(chunk)) is None:
            if len(self._open) < _MEMORY_LIMIT_CHUNKS:
                self._open.add(chunk)
            raise KeyError(chunk)
        if len(self) < _MEMORY_LIMIT_CHUNKS:
            self[chunk] = row
        return row

    def _row(self, chunk: str) -> list[str] | None:
        text = chunk if chunk[-1:] == "\n" else chunk + " "
        at, last, tokens, hopeless = 0, len(text) - 1, list[str](), Hopeless()
        while at < last:
            match, token, seen = self._table.token(text, at, hopeless)
            at += len(match)
            if at > last or seen > len(text):
                return None
            if token is not None:
                tokens.append(token)
        plain = " ".join(tokens).split() == tokens
        return [token for token in tokens if token not in _DROPPED] if plain else None


class _Lexer:
    """The automaton, with a memory of chunks between spaces whose tokens no neighbour can change."""

    def __init__(self) -> None:
        self._table = Table()
        self._memory = _Memory(self._table)

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
        try:
            return [*chain.from_iterable(map(self._memory.__getitem__, (line + "\n").split(" ")))]
        except KeyError:
            return None

    def _known_words(self, text: str, at: int, tokens: list[str]) -> int:
        """Place behind the words from `at` that memory knows, each with its blank; adds their tokens."""
        if tokens and tokens[-1][-1:].isspace():  # whether that blank is written depends on what follows
            return at
        while found := _CHUNK.match(text, at):
            try:
                tokens += self._memory[found[1]]
            except KeyError:
                break
            at = found.end()
        return at

    def _read(self, text: str, at: int, hopeless: Hopeless) -> tuple[list[list[str]], int]:
        """Rows from `at` to the next newline outside a token, and the place behind it."""
        rows, tokens = list[list[str]](), list[str]()
        while (at := self._known_words(text, at, tokens)) < len(text):
            match, token, _ = self._table.token(text, at, hopeless)
            at += len(match)
            if token == "\n":
                rows += _written_rows(tokens)
                if match == "\n":
                    return rows, at
                tokens = []
            elif token is not None:
                tokens.append(token)
        return rows + _written_rows(tokens), at


def _written_rows(tokens: Iterable[str]) -> list[list[str]]:
    """What the official reader makes of written tokens; one that holds a newline breaks the line."""
    lines = " ".join(tokens).split("\n")
    return [[token for token in line.rstrip().split(" ") if token not in _DROPPED] for line in lines]
