"""What can be said about a scene beyond doubt: which relations hold, and which words name one thing and no other.

The relations of thing A to thing B, all by whole outlines and never for things that are mostly hidden:

    left of, right of    centres differ by at least CLEAR_STEP_PX across, in that direction
    above, below         the same, up and down
    inside               B is hollow, and A lies within the circle that fits its hole
    in front of          A covers part of B; B is then `behind` A
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations, product
from typing import get_args

from curation.sources.world import scene as facts
from curation.sources.world.scene import HOLE_RADIUS, RELATIONS, STEPS, Attribute, Overlap, Relation, Scene, Thing

ATTRIBUTES: tuple[Attribute, ...] = get_args(Attribute)
SIDE_WORDS = {side: f"to the {side}" if side.endswith(" of") else side for side in RELATIONS[:4]}
CLEAR_STEP_PX = 24.0
CLEAR_LEAD_PX = 16.0

Picks = Iterator[tuple[str, Thing]]  # words that pick out a thing, or a part of such words, and the thing

_DIRECTIONS = dict(zip(SIDE_WORDS, STEPS.values(), strict=True))


def sets_with(first: Attribute, *others: Attribute) -> list[tuple[Attribute, ...]]:
    """The first attribute with none, one, several and all of the others, in that order."""
    return [(first, *some) for count in range(len(others) + 1) for some in combinations(others, count)]


# What names are made of, from few words to many; colour comes before size and size before pattern.
_NAME_SETS = sets_with("kind", "colour", "size", "pattern") + sets_with("colour", "size", "pattern")


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
            case "inside":
                reach = HOLE_RADIUS.get(b.kind, 0.0) * b.radius_px
                return a.distance_px(b) < reach and a.radius_px < b.radius_px
            case "in front of":
                return Overlap(front=first, back=second) in self.scene.overlaps
            case "behind":
                return Overlap(front=second, back=first) in self.scene.overlaps
        return _reach(a, relation) - _reach(b, relation) >= CLEAR_STEP_PX

    def natural_relation(self, first: int, second: int) -> Relation | None:
        """What one would say first: inside, in front, behind, or the direction that dominates; None if unclear."""
        a, b = self.thing(first), self.thing(second)
        is_across = abs(a.centre_x_px - b.centre_x_px) >= abs(a.centre_y_px - b.centre_y_px)
        directions = RELATIONS[:2] if is_across else RELATIONS[2:4]
        relations = RELATIONS[4:] + (() if self.holds("inside", second, first) else directions)
        return next((relation for relation in relations if self.holds(relation, first, second)), None)

    def name(self, number: int, *, without: Attribute | None = None) -> str | None:
        """Shortest words that fit this thing and no other, article left out; None if there are none.

        Args:
            number: Which thing.
            without: Attribute that the words must not give away; without the kind, it is called a shape.
        """
        return self._names[number, without]

    def names(self, number: int, *, without: Attribute | None = None) -> Iterator[str]:
        """All words for the thing, short ones first, that fit it and no other."""
        for attributes in _NAME_SETS:
            words = describe(self.thing(number), attributes)
            is_allowed = without not in attributes and ("kind" in attributes) == (without != "kind")
            if is_allowed and sum(describe(thing, attributes) == words for thing in self.scene.things) == 1:
                yield words

    def tally(self, attribute: Attribute) -> Counter[str]:
        """How many things have each value of the attribute; empty where something is mostly hidden."""
        return Counter(str(getattr(thing, attribute)) for thing in self.scene.things) if self.is_complete else Counter()

    def beside(self, relation: Relation, number: int) -> list[int] | None:
        """The things in this sideways relation to a thing; None if there is doubt about any."""
        others = [other for other in self.clear if other != number]
        related = [other for other in others if self.holds(relation, other, number)]
        opposed = [other for other in others if self.holds(relation, number, other)]
        return related if self.is_complete and len(related) + len(opposed) == len(others) else None

    def related(self) -> Picks:
        """Things that stand alone on one side of a named thing, after the side and that name."""
        for number, (relation, side) in product(self.clear, SIDE_WORDS.items()):
            related, name = self.beside(relation, number), self.name(number)
            if name and related and len(related) == 1:
                yield f"{side} the {name}", self.thing(related[0])

    def nested(self) -> Picks:
        """Things inside a named thing, after that name."""
        for first, second in permutations(self.clear, 2):
            if self.holds("inside", first, second) and (name := self.name(second)):
                yield name, self.thing(first)

    def outermost(self) -> Picks:
        """`leftmost` and so on, where one thing is clearly so."""
        things = self.scene.things
        for word, side in zip(("leftmost", "rightmost", "highest", "lowest"), _DIRECTIONS, strict=True):
            ranked = sorted(((_reach(thing, side), number) for number, thing in enumerate(things)), reverse=True)
            if self.is_complete and len(ranked) > 1 and ranked[0][0] - ranked[1][0] >= CLEAR_LEAD_PX:
                yield word, things[ranked[0][1]]

    def size_extremes(self) -> Picks:
        """The biggest and the smallest thing, where one stands out by a whole size."""
        ranked = sorted(self.scene.things, key=lambda thing: thing.radius_px)
        if self.is_complete and len(ranked) > 1:
            for word, first, second in (("biggest", ranked[-1], ranked[-2]), ("smallest", ranked[0], ranked[1])):
                if first.size != second.size:
                    yield word, first

    @cached_property
    def _names(self) -> dict[tuple[int, Attribute | None], str | None]:
        keys = product(range(len(self.scene.things)), (None, *ATTRIBUTES))
        return {(number, without): next(self.names(number, without=without), None) for number, without in keys}


def _reach(thing: Thing, side: Relation) -> float:
    """How far the thing's centre lies to that side, in pixels."""
    across, down = _DIRECTIONS[side]
    return across * thing.centre_x_px + down * thing.centre_y_px


def describe(thing: Thing, attributes: tuple[Attribute, ...]) -> str:
    """The thing's words for these attributes in the order of English: large striped red star."""
    words = [str(getattr(thing, attribute)) for attribute in ATTRIBUTES if attribute in attributes]
    return " ".join(words if "kind" in attributes else [*words, "shape"])


def region(thing: Thing) -> facts.Region | None:
    """The quarter or the middle of the picture that a thing is clearly in; None near the lines between them."""
    across = (thing.centre_x_px - facts.WIDTH_PX / 2) / (facts.WIDTH_PX / 2)
    down = (thing.centre_y_px - facts.HEIGHT_PX / 2) / (facts.HEIGHT_PX / 2)
    if max(abs(across), abs(down)) < 0.2:
        return "center"
    return None if min(abs(across), abs(down)) < 0.28 else facts.REGIONS[2 * (down > 0) + (across > 0)]
