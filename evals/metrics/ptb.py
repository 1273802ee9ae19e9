"""Penn Treebank tokens of captions, as the official caption scorers cut them.

Source: pycocoevalcap 1.2, PTBTokenizer (Stanford CoreNLP 3.4.1 with -preserveLines -lowerCase), observed as a black box.
"""

import re
from collections.abc import Sequence
from itertools import chain

from evals.errors import PredictionError
from evals.metrics.ptb_automaton import Automaton
from evals.metrics.ptb_rules import MACROS, NAMED, RULES, emit

_DROPPED = frozenset(("", "''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--"))
_DROPPED |= {"...", ";"}
_SPACES = frozenset(" \t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u3000")
_LINE_END = re.compile("\r\n|[\n\r\v\f\u2028\u2029]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def ptb_tokenize(captions: Sequence[str]) -> list[list[str]]:
    """Lower-case Penn Treebank tokens without punctuation, one list per caption, as one official run gives them.

    All captions are lines of one text: the last token of a caption may depend on the next caption, and a caption that
    holds another line end than a newline (carriage return, form feed ...) gives its rest to the next place and moves
    every later caption, as it does officially.

    Raises:
        PredictionError: If a caption holds a lone surrogate, which no file can hold.

    Source: pycocoevalcap 1.2, tokenizer/ptbtokenizer.py.
    """
    _refuse_surrogates(captions)
    text = "\n".join(captions) if not any("\n" in caption for caption in captions) else None
    if text is None:
        text = "\n".join(caption.replace("\n", " ") for caption in captions)
    lines = _LINE_END.split(text)
    return _tokenize_lines(lines)[: len(captions)]


def _refuse_surrogates(captions: Sequence[str]) -> None:
    for index, caption in enumerate(captions):
        if not caption.isascii() and (found := _SURROGATE.search(caption)):
            raise PredictionError(
                f"caption {index}: holds the lone surrogate U+{ord(found[0]):04X} at {found.start()}, expected text that "
                "UTF-8 can hold; decode the source with errors='replace'"
            )


def _tokenize_lines(lines: Sequence[str]) -> list[list[str]]:
    inside, last = _LEXER.inside, _LEXER.last
    tokens = []
    for number, line in enumerate(lines):
        words = line.split(" ")
        try:
            final = last[words.pop()] if number + 1 < len(lines) else None
            if final is None:
                raise KeyError
            tokens.append([*chain.from_iterable(map(inside.__getitem__, words)), *final])
        except KeyError:
            tokens.append(_LEXER.line(lines, number))
    return tokens


class _Lexer:
    """The automaton with a memory of chunks whose tokens no neighbour can change."""

    def __init__(self) -> None:
        self._automaton = Automaton(RULES, macros=MACROS, classes=NAMED)
        self.inside: dict[str, tuple[str, ...]] = {"": ()}
        self.last: dict[str, tuple[str, ...]] = {"": ()}

    def line(self, lines: Sequence[str], number: int) -> list[str]:
        """Tokens of one line; what follows it is only looked at."""
        text = lines[number]
        ahead = "\n" + lines[number + 1] + "\n" if number + 1 < len(lines) else ""
        astral = not text.isascii() and _ASTRAL.search(text)
        if astral:
            text = _ASTRAL.sub(_surrogates, text)
        size, text = len(text), text + ahead
        at, tokens = 0, []
        chunk, chunk_tokens, farthest = 0, [], 0
        while at < size:
            rule, end, reach = self._automaton.longest(text, at)
            if rule < 0:
                found, end = [], at + 1
            else:
                found, end = emit(RULES[rule].name, text[at:end], end)
            chunk_tokens += found
            at = end
            farthest = max(farthest, reach)
            if at == size or text[at] == " ":
                if farthest <= at + 1 and at + 1 < len(text):
                    memory = self.last if at == size else self.inside
                    kept = tuple(t for t in chunk_tokens if t not in _DROPPED)
                    if text[chunk:at].strip(" \t") and " " not in text[chunk:at] and len(memory) < 200000: memory[text[chunk:at]] = kept
                tokens += chunk_tokens
                while at < size and text[at] in _SPACES:
                    at += 1
                chunk, chunk_tokens, farthest = at, [], 0
        tokens += chunk_tokens
        while tokens and tokens[-1] != (bare := tokens[-1].rstrip()):
            tokens[-1] = bare
            if not bare: tokens.pop()
        kept = [token for token in tokens if token not in _DROPPED]
        return kept


def _surrogates(match: re.Match[str]) -> str:
    code = ord(match[0]) - 0x10000
    return chr(0xD800 + (code >> 10)) + chr(0xDC00 + (code & 0x3FF))


_LEXER = _Lexer()
