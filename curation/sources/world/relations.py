"""What can be said about a scene beyond doubt: which relations hold, and which words name one thing and no other.

The relations of thing A to thing B, all by whole outlines and never for things that are mostly hidden:

    left of, right of    centres differ by at least CLEAR_STEP_PX across, in that direction
    above, below         the same, up and down
    inside               B is hollow, and A lies within the circle that fits its hole
    in front of          A covers part of B; B is then `behind` A
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from curation.sources.world.scene import HEIGHT_PX, HOLE_RADIUS, WIDTH_PX, Overlap, Scene, Thing

Relation = Literal["left of", "right of", "above", "below", "inside", "in front of", "behind"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)
Attribute = Literal["size", "pattern", "colour", "kind"]
Region = Literal["top left", "top right", "bottom left", "bottom right", "center"]
REGIONS: tuple[Region, ...] = get_args(Region)

OPPOSITE: dict[Relation, Relation] = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
SIDE_WORDS: dict[Relation, str] = {
    "left of": "to the left of", "right of": "to the right of", "above": "above", "below": "below"
}  # fmt: skip
CLEAR_STEP_PX = 24.0
CLEAR_LEAD_PX = 16.0

Picks = Iterator[tuple[str, Thing]]
"""Words that pick out a thing, or a part of such words, and the thing."""


@dataclass(frozen=True)
class View:
    """A scene as its captions and questions see it."""

    scene: Scene

    @cached_property
    def clear(self) -> tuple[int, ...]:
        """Numbers of the things that are visible enough to talk about."""
        return tuple(number for number, thing in enumerate(self.scene.things) if thing.is_clear)

    @property
    def covered(self) -> set[int]:
        """Numbers of the things that another lies on."""
        return {overlap.back for overlap in self.scene.overlaps}

    @property
    def is_complete(self) -> bool:
        """Nothing is mostly hidden, so that `all`, `none` and `how many` have an answer."""
        return len(self.clear) == len(self.scene.things)

    def thing(self, number: int) -> Thing:
        """The thing with that number."""
        return self.scene.things[number]

    def holds(self, relation: Relation, first: int, second: int) -> bool:
        """Whether the relation of `first` to `second` is beyond doubt."""
        a, b = self.thing(first), self.thing(second)
        match relation:
            case "left of" | "right of":
                step_px = b.centre_x_px - a.centre_x_px
                return (step_px if relation == "left of" else -step_px) >= CLEAR_STEP_PX
            case "above" | "below":
                step_px = b.centre_y_px - a.centre_y_px
                return (step_px if relation == "above" else -step_px) >= CLEAR_STEP_PX
            case "inside":
                reach = HOLE_RADIUS.get(b.kind, 0.0) * b.radius_px
                return a.distance_px(b) < reach and a.radius_px < b.radius_px
            case "in front of":
                return Overlap(front=first, back=second) in self.scene.overlaps
            case "behind":
                return Overlap(front=second, back=first) in self.scene.overlaps

    def natural_relation(self, first: int, second: int) -> Relation | None:
        """What one would say first: inside, in front, behind, or the direction that dominates; None if unclear."""
        for relation in RELATIONS[4:]:
            if self.holds(relation, first, second):
                return relation
        if self.holds("inside", second, first):
            return None
        a, b = self.thing(first), self.thing(second)
        is_across = abs(a.centre_x_px - b.centre_x_px) >= abs(a.centre_y_px - b.centre_y_px)
        directions = RELATIONS[:2] if is_across else RELATIONS[2:4]
        return next((relation for relation in directions if self.holds(relation, first, second)), None)

    def name(self, number: int, *, without: Attribute | None = None) -> str | None:
        """Shortest words that fit this thing and no other, article left out; None if there are none.

        Args:
            number: Which thing.
            without: Attribute that the words must not give away; without the kind, it is called a shape.
        """
        return self._names[number, without]

    def names(self, number: int, *, without: Attribute | None = None) -> Iterator[str]:
        """All words for the thing, short ones first, that fit it and no other."""
        for attributes in _attribute_sets(without):
            words = describe(self.thing(number), attributes)
            if sum(describe(thing, attributes) == words for thing in self.scene.things) == 1:
                yield words

    def named(self, *, without: Attribute | None = None) -> Picks:
        """Clear things that can be named without the attribute, after their names."""
        for number in self.clear:
            if name := self.name(number, without=without):
                yield name, self.thing(number)

    def named_pairs(self, *, without: Attribute | None = None) -> Iterator[tuple[int, int, str, str]]:
        """Numbers and names of every ordered pair of clear things that can be named without the attribute."""
        for first, second in itertools.permutations(self.clear, 2):
            first_name, second_name = self.name(first, without=without), self.name(second, without=without)
            if first_name and second_name:
                yield first, second, first_name, second_name

    def tally(self, attribute: Attribute) -> Counter[str]:
        """How many things have each value of the attribute; empty where something is mostly hidden."""
        return Counter(str(getattr(thing, attribute)) for thing in self.scene.things) if self.is_complete else Counter()

    def only_related(self, relation: Relation, number: int) -> int | None:
        """The one thing in this sideways relation to a thing; None if there is none, several, or doubt about any."""
        others = [other for other in self.clear if other != number]
        related = [other for other in others if self.holds(relation, other, number)]
        opposed = [other for other in others if self.holds(OPPOSITE[relation], other, number)]
        is_sure = self.is_complete and len(related) + len(opposed) == len(others)
        return related[0] if is_sure and len(related) == 1 else None

    def related(self) -> Picks:
        """Things that stand alone on one side of a named thing, after the side and that name."""
        for number, relation in itertools.product(self.clear, SIDE_WORDS):
            related, name = self.only_related(relation, number), self.name(number)
            if name and related is not None:
                yield f"{SIDE_WORDS[relation]} the {name}", self.thing(related)

    def nested(self) -> Picks:
        """Things inside a named thing, after that name."""
        for first, second in itertools.permutations(self.clear, 2):
            if self.holds("inside", first, second) and (name := self.name(second)):
                yield name, self.thing(first)

    def outermost(self) -> Picks:
        """`leftmost` and so on, where one thing is clearly so."""
        keys: dict[str, Callable[[Thing], float]] = {
            "leftmost": lambda thing: -thing.centre_x_px, "rightmost": lambda thing: thing.centre_x_px,
            "highest": lambda thing: -thing.centre_y_px, "lowest": lambda thing: thing.centre_y_px,
        }  # fmt: skip
        for word, key in keys.items():
            ranked = sorted(self.scene.things, key=key)
            if self.is_complete and len(ranked) > 1 and key(ranked[-1]) - key(ranked[-2]) >= CLEAR_LEAD_PX:
                yield word, ranked[-1]

    def size_extremes(self) -> Picks:
        """The biggest and the smallest thing, where one stands out by a whole size."""
        ranked = sorted(self.scene.things, key=lambda thing: thing.radius_px)
        if self.is_complete and len(ranked) > 1:
            if ranked[-1].size != ranked[-2].size:
                yield "biggest", ranked[-1]
            if ranked[0].size != ranked[1].size:
                yield "smallest", ranked[0]

    @cached_property
    def _names(self) -> dict[tuple[int, Attribute | None], str | None]:
        hidden: tuple[Attribute | None, ...] = (None, *get_args(Attribute))
        return {
            (number, without): next(self.names(number, without=without), None)
            for number, without in itertools.product(range(len(self.scene.things)), hidden)
        }


def describe(thing: Thing, attributes: tuple[Attribute, ...]) -> str:
    """The thing's words for these attributes in the order of English: large striped red star."""
    words = [str(getattr(thing, attribute)) for attribute in get_args(Attribute) if attribute in attributes]
    return " ".join(words if "kind" in attributes else [*words, "shape"])


def region(thing: Thing) -> Region | None:
    """The quarter or the middle of the picture that a thing is clearly in; None near the lines between them."""
    across = (thing.centre_x_px - WIDTH_PX / 2) / (WIDTH_PX / 2)
    down = (thing.centre_y_px - HEIGHT_PX / 2) / (HEIGHT_PX / 2)
    if max(abs(across), abs(down)) < 0.2:
        return "center"
    if min(abs(across), abs(down)) < 0.28:
        return None
    quarters: dict[tuple[bool, bool], Region] = {
        (True, True): "top left", (True, False): "top right",
        (False, True): "bottom left", (False, False): "bottom right",
    }  # fmt: skip
    return quarters[down < 0, across < 0]


def _attribute_sets(without: Attribute | None) -> Iterator[tuple[Attribute, ...]]:
    """From few words to many; colour comes before size and size before pattern."""
    options: tuple[tuple[Attribute, ...], ...] = (
        ("kind",), ("colour", "kind"), ("size", "kind"), ("pattern", "kind"), ("colour", "size", "kind"),
        ("colour", "pattern", "kind"), ("size", "pattern", "kind"), ("colour", "size", "pattern", "kind"),
        ("colour",), ("size", "colour"), ("pattern", "colour"), ("size", "pattern", "colour"),
    )  # fmt: skip
    for attributes in options:
        if without not in attributes and ("kind" in attributes) == (without != "kind"):
            yield attributes
