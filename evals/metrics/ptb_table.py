"""Longest-match automaton of the rules, read from tables built ahead: `python -m tools.ptb_automaton`."""

import zlib
from array import array
from importlib.resources import files

from evals.metrics.ptb_rules import RULES

FILE = "ptb_table.bin"
CHARACTERS = 0x10000
_NEAR_CHARACTERS = 64  # looks ahead up to here are not written down

Hopeless = dict[int, int]  # place in a text -> state from which nothing more matches there


class Symbols(dict[str, int]):
    """Character -> number of the class of characters that no pattern tells from it."""

    def __init__(self, numbers: bytes) -> None:
        self._numbers = numbers

    def __missing__(self, character: str) -> int:
        self[character] = number = self._numbers[ord(character)]
        return number


class Table:
    """State 0 is the start; `cells[state * width]` is the rule that may end in a state, or -1. `symbol` cells further
    is the next state, -1 if none matches from here on, and -2 - rule if this rule ends here and nothing longer can."""

    def __init__(self) -> None:
        content = zlib.decompress(files("evals.metrics").joinpath(FILE).read_bytes())
        self.symbol_of = Symbols(content[:CHARACTERS])
        self._cells = array("h")
        self._cells.frombytes(memoryview(content)[CHARACTERS:])
        self._width = self._cells.pop()

    def longest(self, text: str, begin: int, hopeless: Hopeless) -> tuple[int, int, int]:
        """(rule, end of its match, first character not looked at); rule -1 if nothing matches."""
        symbol_of, cells, width = self.symbol_of, self._cells, self._width
        state, rule, end = 0, -1, begin
        near = min(begin + _NEAR_CHARACTERS, len(text))
        for at in range(begin, near):
            state = cells[state * width + symbol_of[text[at]]]
            if state < 0:
                return (rule, end, at + 1) if state == -1 else (-2 - state, at + 1, at + 1)
            if (ending := cells[state * width]) >= 0:
                rule, end = ending, at + 1
        return self._longest_far(text, near, hopeless, state=state, best=(rule, end))

    def _longest_far(
        self, text: str, at: int, hopeless: Hopeless, *, state: int, best: tuple[int, int]
    ) -> tuple[int, int, int]:
        """The rest of a long look ahead; what led nowhere once is not walked again, so that time stays linear."""
        (rule, end), walked, origin, seen = best, list[int](), at, len(text) + 1
        while at < len(text) and hopeless.get(at) != state:
            walked.append(state)
            state = self._cells[state * self._width + self.symbol_of[text[at]]]
            at += 1
            if state < -1:
                return -2 - state, at, at
            if state == -1:
                seen = at
                break
            if (ending := self._cells[state * self._width]) >= 0:
                rule, end, origin = ending, at, at
                walked.clear()
        hopeless.update(zip(range(origin, origin + len(walked)), walked, strict=True))
        return rule, end, seen

    def token(self, text: str, at: int, hopeless: Hopeless) -> tuple[str, str | None, int]:
        """What is read at a place, the token it makes (None: none), the first character not looked at."""
        number, end, seen = self.longest(text, at, hopeless)
        if number < 0:
            return text[at], None, seen
        rule = RULES[number]
        match = rule.kept(text[at:end])
        return match, rule.write(match), seen
