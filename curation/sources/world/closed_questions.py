"""Questions with few possible answers, that a scene's facts answer beyond doubt: yes or no, and how many.

Nothing is asked about things that are mostly hidden, and questions about all things or none are not asked of scenes
that have one.
"""

import itertools
from collections.abc import Iterable, Iterator

from curation.sources.world.captions import plural, with_article
from curation.sources.world.relations import OPPOSITE, SIDE_WORDS, Attribute, Relation, View
from curation.sources.world.scene import COLOURS, HOLE_RADIUS, KINDS, PATTERNS, SIZES, is_look_of
from curation.sources.world.templating import Offers, Template


def _yes_no(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _exists_look(view: View) -> Offers:
    """Only looks that the split may show, so that a missing one cannot be told by its text."""
    looks = {(thing.kind, thing.colour) for thing in view.scene.things}
    kinds, colours = {kind for kind, _ in looks}, {colour for _, colour in looks}
    for kind, colour in itertools.product(KINDS, COLOURS):
        is_near = kind in kinds or colour in colours
        if view.is_complete and is_near and is_look_of(view.scene.split, kind, colour):
            yield f"Is there {with_article(colour)} {kind}?", _yes_no((kind, colour) in looks)


def _exists_kind(view: View) -> Offers:
    if tally := view.tally("kind"):
        yield from ((f"Is there {with_article(kind)} in the picture?", _yes_no(kind in tally)) for kind in KINDS)


def _exists_pattern(view: View) -> Offers:
    marks = {(thing.pattern, thing.colour) for thing in view.scene.things}
    for pattern, colour in itertools.product(PATTERNS, sorted({colour for _, colour in marks})):
        if view.is_complete:
            yield f"Are there any {pattern} {colour} shapes?", _yes_no((pattern, colour) in marks)


def _is_beside(view: View) -> Offers:
    for first, second, first_name, second_name in view.named_pairs():
        for relation in SIDE_WORDS:
            if view.holds(relation, first, second) or view.holds(OPPOSITE[relation], first, second):
                answer = _yes_no(view.holds(relation, first, second))
                yield f"Is the {first_name} {SIDE_WORDS[relation]} the {second_name}?", answer


def _is_bigger(view: View) -> Offers:
    for first, second, first_name, second_name in view.named_pairs(without="size"):
        a, b = view.thing(first), view.thing(second)
        if a.size != b.size:
            yield f"Is the {first_name} bigger than the {second_name}?", _yes_no(a.radius_px > b.radius_px)


def _same_colour(view: View) -> Offers:
    for first, second, first_name, second_name in view.named_pairs(without="colour"):
        is_same = view.thing(first).colour == view.thing(second).colour
        yield f"Do the {first_name} and the {second_name} have the same color?", _yes_no(is_same)


def _more_of(view: View) -> Offers:
    tally = view.tally("colour")
    for first, second in itertools.permutations(tally, 2):
        if tally[first] != tally[second]:
            yield f"Are there more {first} shapes than {second} shapes?", _yes_no(tally[first] > tally[second])


def _is_nested(view: View) -> Offers:
    for number in view.clear:
        name = view.name(number)
        if name and view.thing(number).kind in HOLE_RADIUS and view.is_complete:
            is_filled = any(view.holds("inside", other, number) for other in view.clear if other != number)
            yield f"Is there anything inside the {name}?", _yes_no(is_filled)


def _is_covered(view: View) -> Offers:
    for number in view.clear:
        if name := view.name(number):
            is_covered = any(overlap.back == number for overlap in view.scene.overlaps)
            yield f"Is the {name} partly hidden?", _yes_no(is_covered)


def _counts(view: View, attribute: Attribute, values: Iterable[str], *, most: int) -> Iterator[tuple[str, str]]:
    tally = view.tally(attribute)
    return ((value, str(tally[value])) for value in values if tally and tally[value] <= most)


def _count_all(view: View) -> Offers:
    if view.is_complete:
        yield "How many shapes are there?", str(len(view.scene.things))


def _count_kind(view: View) -> Offers:
    for kind, count in _counts(view, "kind", KINDS, most=2):
        yield f"How many {plural(kind)} are there?", count


def _count_colour(view: View) -> Offers:
    for colour, count in _counts(view, "colour", COLOURS, most=3):
        yield f"How many {colour} shapes are there?", count


def _count_size(view: View) -> Offers:
    for size, count in _counts(view, "size", SIZES, most=3):
        yield f"How many {size} shapes are in the picture?", count


def _count_pattern(view: View) -> Offers:
    for pattern, count in _counts(view, "pattern", PATTERNS, most=3):
        yield f"How many shapes are {pattern}?", count


def _count_colours(view: View) -> Offers:
    if tally := view.tally("colour"):
        yield "How many different colors do the shapes have?", str(len(tally))


def _count_beside(view: View) -> Offers:
    sides: tuple[Relation, ...] = ("left of", "right of")
    for number, side in itertools.product(view.clear, sides):
        others = [other for other in view.clear if other != number]
        count = sum(view.holds(side, other, number) for other in others)
        opposed = sum(view.holds(OPPOSITE[side], other, number) for other in others)
        name = view.name(number)
        if name and view.is_complete and count <= 3 and count + opposed == len(others):
            yield f"How many shapes are {SIDE_WORDS[side]} the {name}?", str(count)


_YES_NO = ("yes", "no")

CLOSED_TEMPLATES: tuple[Template, ...] = (
    Template("count all", "number", "how many", ("1", "2", "3", "4", "5", "6"), _count_all),
    Template("count kind", "number", "how many", ("0", "1", "2"), _count_kind),
    Template("count colour", "number", "how many", ("0", "1", "2", "3"), _count_colour),
    Template("count size", "number", "how many", ("0", "1", "2", "3"), _count_size),
    Template("count pattern", "number", "how many shapes are", ("0", "1", "2", "3"), _count_pattern),
    Template("count colours", "number", "how many", ("1", "2", "3", "4", "5"), _count_colours),
    Template("count beside", "number", "how many shapes are", ("0", "1", "2", "3"), _count_beside),
    Template("exists look", "yes/no", "is there a", _YES_NO, _exists_look),
    Template("exists kind", "yes/no", "is there a", _YES_NO, _exists_kind),
    Template("exists pattern", "yes/no", "are there any", _YES_NO, _exists_pattern),
    Template("is beside", "yes/no", "is the", _YES_NO, _is_beside),
    Template("is bigger", "yes/no", "is the", _YES_NO, _is_bigger),
    Template("same colour", "yes/no", "do the", _YES_NO, _same_colour),
    Template("more of", "yes/no", "are there", _YES_NO, _more_of),
    Template("is nested", "yes/no", "is there", _YES_NO, _is_nested),
    Template("is covered", "yes/no", "is the", _YES_NO, _is_covered),
)
"""Every template of this file, once."""
