"""Longest-match automaton: many patterns, one pass, ties to the earlier pattern.

Patterns use a small regular syntax: literals, `\\` escapes, `[...]` classes with ranges, negation and `{NAME}` inside,
`{NAME}` macros, groups, `|`, `*`, `+`, `?` and `{m,n}`. A group `(?i:...)` takes letters in every case. Run as a
module (`python -m tools.ptb_automaton`), this file writes the tables that `evals.metrics.ptb_table` reads.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evals.metrics import ptb_table
from evals.metrics.ptb_rules import RULES, Rule
from tools.ptb_macros import MACROS, classes

IntArray = npt.NDArray[np.int64]

# Letters that Unicode folds to an ASCII letter; the official rules take them in words, not in classes.
_ODD_CASES = {"i": "\u0130\u0131", "k": "\u212a", "s": "\u017f"}

Edge = tuple[int, int]  # symbol set, target position


@dataclass(slots=True, eq=False)
class State:
    """A set of pattern positions; `rule` is the index of the first rule that may end here, -1 if none."""

    positions: tuple[int, ...]
    rule: int


class Automaton:
    """All rules of a lexer as one deterministic automaton."""

    def __init__(
        self, rules: Sequence[Rule], *, macros: Mapping[str, str], classes: Mapping[str, frozenset[str]]
    ) -> None:
        self.macros, self.classes = macros, classes
        self._sets: dict[frozenset[str] | tuple[frozenset[str], bool], int] = {}
        self._negated: list[tuple[frozenset[str], bool]] = []
        self._epsilon: list[list[int]] = []
        self._edges: list[list[Edge]] = []
        self._ends: dict[int, int] = {}
        self._states: dict[tuple[int, ...], State] = {}
        self._symbols: dict[tuple[int, ...], int] = {}
        self._members: list[frozenset[int]] = []
        starts = [self._add_rule(index, rule) for index, rule in enumerate(rules)]
        self.start = self._state(starts)

    def _add_rule(self, index: int, rule: Rule) -> int:
        start, end = _Parser(self, f"({rule.pattern})({rule.ahead})").parse()
        self._ends[end] = index
        return start

    def position(self) -> int:
        self._epsilon.append([])
        self._edges.append([])
        return len(self._edges) - 1

    def join(self, source: int, target: int) -> None:
        self._epsilon[source].append(target)

    def read(self, source: int, target: int, characters: frozenset[str], *, negated: bool) -> None:
        key = (characters, negated)
        if key not in self._sets:
            self._sets[key] = len(self._negated)
            self._negated.append(key)
        self._edges[source].append((self._sets[key], target))

    def symbol(self, character: str) -> int:
        """Number of the class of characters that no pattern tells from this one."""
        sets = tuple(i for i, (characters, negated) in enumerate(self._negated) if (character in characters) != negated)
        if sets not in self._symbols:
            self._symbols[sets] = len(self._members)
            self._members.append(frozenset(sets))
        return self._symbols[sets]

    def _state(self, positions: Sequence[int]) -> State:
        closed, queue = set(positions), list(positions)
        while queue:
            for target in self._epsilon[queue.pop()]:
                if target not in closed:
                    closed.add(target)
                    queue.append(target)
        key = tuple(sorted(p for p in closed if self._edges[p] or p in self._ends))
        if key not in self._states:
            self._states[key] = State(key, min((self._ends[p] for p in key if p in self._ends), default=-1))
        return self._states[key]

    def _step(self, state: State, symbol: int) -> State | None:
        members = self._members[symbol]
        targets = [target for p in state.positions for characters, target in self._edges[p] if characters in members]
        return self._state(targets) if targets else None

    def table(self) -> bytes:
        """Symbol of each character (bytes, from 1), each state's rule and successors, their count (16-bit numbers)."""
        symbols = bytes(self.symbol(chr(code)) + 1 for code in range(ptb_table.CHARACTERS))
        states, numbers = [self.start], {id(self.start): 0}
        after = list[list[int]]()
        for state in states:  # grows as successors are found
            row = [self._step(state, symbol) for symbol in range(len(self._members))]
            for successor in row:
                if successor and numbers.setdefault(id(successor), len(states)) == len(states):
                    states.append(successor)
            after.append([numbers[id(successor)] if successor else -1 for successor in row])
        cells = _merged(np.array([state.rule for state in states]), np.array(after))
        return symbols + np.append(cells, cells.shape[1]).astype("<i2").tobytes()


def _merged(ends: IntArray, after: IntArray) -> IntArray:
    """The fewest states that match the same, each a row: its rule, then its successors."""
    groups, count = np.unique(ends, return_inverse=True)[1], 0
    while count != (count := int(groups.max()) + 1):
        seen = np.column_stack([groups, np.where(after < 0, -1, groups[after])])
        _, first, groups = np.unique(seen, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)  # the start comes first
    place = np.argsort(order)
    ends, after = ends[first[order]], after[first[order]]
    moved = np.where(after < 0, -1, place[groups[after]])
    leaf = np.max(after, axis=1) < 0
    moved = np.where((moved >= 0) & leaf[moved], -2 - ends[moved], moved)
    return np.column_stack([ends, moved])


class _Parser:
    """Recursive descent from pattern text to positions and edges."""

    def __init__(self, automaton: Automaton, pattern: str) -> None:
        self._automaton, self._pattern, self._at, self._any_case = automaton, pattern, 0, False

    def parse(self) -> tuple[int, int]:
        fragment = self._choice()
        if self._at != len(self._pattern):
            raise ValueError(f"pattern {self._pattern!r}: unexpected {self._pattern[self._at]!r} at {self._at}")
        return fragment

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1]

    def _choice(self) -> tuple[int, int]:
        start, end = self._automaton.position(), self._automaton.position()
        while True:
            first, last = self._sequence()
            self._automaton.join(start, first)
            self._automaton.join(last, end)
            if self._peek() != "|":
                return start, end
            self._take()

    def _sequence(self) -> tuple[int, int]:
        start = end = self._automaton.position()
        while self._peek() not in ("", "|", ")"):
            begin = self._at
            first, last = self._atom()
            for copy_first, copy_last in self._repeat(begin, first, last):
                self._automaton.join(end, copy_first)
                end = copy_last
        return start, end

    def _repeat(self, begin: int, first: int, last: int) -> list[tuple[int, int]]:
        """The atom parsed from `begin`, as often as the sign behind it says."""
        low, high = self._count()
        after = self._at
        copies = [(first, last)]
        while len(copies) < max(low, high or low, 1):
            self._at = begin
            copies.append(self._atom())
        self._at = after
        for copy_first, copy_last in copies[low:]:
            self._automaton.join(copy_first, copy_last)
        if high is None:
            self._automaton.join(copies[-1][1], copies[-1][0])
        return copies

    def _count(self) -> tuple[int, int | None]:
        sign = self._peek()
        if sign and sign in "*+?":
            self._take()
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        if sign == "{" and self._pattern[self._at + 1].isdigit():
            self._take()
            low, comma, high = self._until("}").partition(",")
            return int(low), int(high) if high else None if comma else int(low)
        return 1, 1

    def _until(self, closing: str) -> str:
        stop = self._pattern.index(closing, self._at)
        content, self._at = self._pattern[self._at : stop], stop + 1
        return content

    def _atom(self) -> tuple[int, int]:
        character = self._take()
        if character == "(":
            return self._group()
        if character == "[":
            return self._class()
        if character == "{":
            return self._name(self._until("}"))
        return self._reading(self._cases(self._take() if character == "\\" else character), negated=False)

    def _group(self) -> tuple[int, int]:
        outer = self._any_case
        if self._pattern.startswith("?i:", self._at):
            self._any_case, self._at = True, self._at + 3
        fragment = self._choice()
        self._at += 1
        self._any_case = outer
        return fragment

    def _cases(self, character: str) -> frozenset[str]:
        if not self._any_case:
            return frozenset(character)
        return frozenset((character, character.lower(), character.upper(), *_ODD_CASES.get(character, "")))

    def _name(self, name: str) -> tuple[int, int]:
        characters = self._automaton.classes.get(name)
        if characters is not None:
            return self._reading(characters, negated=False)
        return _Parser(self._automaton, self._automaton.macros[name]).parse()

    def _class(self) -> tuple[int, int]:
        negated = self._peek() == "^"
        self._at += negated
        characters: set[str] = set()
        while (character := self._take()) != "]":
            if character == "{":
                characters |= self._automaton.classes.get(self._until("}")) or frozenset()
                continue
            low = self._take() if character == "\\" else character
            high = low
            if self._peek() == "-" and self._pattern[self._at + 1] != "]":
                self._take()
                high = self._take()
            characters.update(*(self._cases(chr(code)) for code in range(ord(low), ord(high) + 1)))
        return self._reading(frozenset(characters), negated=negated)

    def _reading(self, characters: frozenset[str], *, negated: bool) -> tuple[int, int]:
        start, end = self._automaton.position(), self._automaton.position()
        self._automaton.read(start, end, characters, negated=negated)
        return start, end


def built() -> bytes:
    """The content of the table file, before it is packed."""
    return Automaton(RULES, macros=MACROS, classes=classes()).table()


if __name__ == "__main__":
    Path(ptb_table.__file__).with_name(ptb_table.FILE).write_bytes(zlib.compress(built(), 9))
