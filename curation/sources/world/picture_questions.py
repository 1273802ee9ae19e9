"""Questions about a picture that a scene's facts answer beyond doubt.

Nothing is asked about things that are mostly hidden, and questions about all things or none are not asked of scenes
that have one.
"""

import itertools
from collections.abc import Callable

from curation.sources.world import scene as facts
from curation.sources.world.asking import COUNTS, YES_NO, Offering, Offers, Template, yes_no
from curation.sources.world.relations import OPPOSITE, REGIONS, RELATIONS, SIDE_WORDS, Attribute, Picks, View, region
from curation.sources.world.scene import COLOURS, HOLE_RADIUS, KINDS, PATTERNS, SIZES, Thing
from curation.sources.world.wording import plural, with_article


def _exists_look(view: View) -> Offers:
    """Only looks that the split may show, so that a missing one cannot be told by its text."""
    looks = {(thing.kind, thing.colour) for thing in view.scene.things}
    kinds, colours = {kind for kind, _ in looks}, {colour for _, colour in looks}
    for kind, colour in itertools.product(KINDS, COLOURS):
        is_near = kind in kinds or colour in colours
        if view.is_complete and is_near and facts.is_look_of(view.scene.split, kind, colour):
            yield f"Is there {with_article(colour)} {kind}?", yes_no((kind, colour) in looks)


def _exists_pattern(view: View) -> Offers:
    marks = {(thing.pattern, thing.colour) for thing in view.scene.things}
    for pattern, colour in itertools.product(PATTERNS, sorted({colour for _, colour in marks})):
        if view.is_complete:
            yield f"Are there any {pattern} {colour} shapes?", yes_no((pattern, colour) in marks)


def _is_beside(view: View) -> Offers:
    for first, second, first_name, second_name in view.named_pairs():
        for relation in SIDE_WORDS:
            if view.holds(relation, first, second) or view.holds(OPPOSITE[relation], first, second):
                answer = yes_no(view.holds(relation, first, second))
                yield f"Is the {first_name} {SIDE_WORDS[relation]} the {second_name}?", answer


def _compared(text: str, attribute: Attribute, answer: Callable[[Thing, Thing], str | None]) -> Offering:
    """Asks about every two things that can be named without the attribute that decides."""

    def offers(view: View) -> Offers:
        for first, second, first_name, second_name in view.named_pairs(without=attribute):
            if said := answer(view.thing(first), view.thing(second)):
                yield text.format(first_name, second_name), said

    return offers


def _more_of(view: View) -> Offers:
    tally = view.tally("colour")
    for first, second in itertools.permutations(tally, 2):
        if tally[first] != tally[second]:
            yield f"Are there more {first} shapes than {second} shapes?", yes_no(tally[first] > tally[second])


def _is_nested(view: View) -> Offers:
    for number in view.clear:
        name = view.name(number)
        if name and view.thing(number).kind in HOLE_RADIUS and view.is_complete:
            is_filled = any(view.holds("inside", other, number) for other in view.clear if other != number)
            yield f"Is there anything inside the {name}?", yes_no(is_filled)


def _count(text: str, attribute: Attribute, values: tuple[str, ...], *, most: int) -> Offering:
    """Asks how many things have each value of the attribute, up to `most`."""

    def offers(view: View) -> Offers:
        tally = view.tally(attribute)
        worded = {value: plural(value) if attribute == "kind" else value for value in values}
        return ((text.format(worded[value]), str(tally[value])) for value in values if tally and tally[value] <= most)

    return offers


def _count_beside(view: View) -> Offers:
    for number, side in itertools.product(view.clear, RELATIONS[:2]):
        others = [other for other in view.clear if other != number]
        count = sum(view.holds(side, other, number) for other in others)
        opposed = sum(view.holds(OPPOSITE[side], other, number) for other in others)
        name = view.name(number)
        if name and view.is_complete and count <= 3 and count + opposed == len(others):
            yield f"How many shapes are {SIDE_WORDS[side]} the {name}?", str(count)


def _ask(text: str, attribute: Attribute, picks: Callable[[View], Picks] | None = None) -> Offering:
    """Asks for an attribute of the things that are picked out; by names that do not give it away if no `picks`."""

    def offers(view: View) -> Offers:
        picked = picks(view) if picks else view.named(without=attribute)
        return ((text.format(words.removesuffix(" shape")), getattr(thing, attribute)) for words, thing in picked)

    return offers


def _kind_of_overlapping(view: View) -> Offers:
    for first, second in itertools.permutations(view.clear, 2):
        name = view.name(second)
        if name and view.holds("behind", first, second):
            yield f"What is partly hidden by the {name}?", view.thing(first).kind
        if name and view.holds("in front of", first, second):
            yield f"What covers a part of the {name}?", view.thing(first).kind


def _kind_of_same_colour(view: View) -> Offers:
    for number in view.clear:
        thing, name = view.thing(number), view.name(number, without="colour")
        twins = [other for other in view.scene.things if other.colour == thing.colour and other is not thing]
        if name and view.is_complete and len(twins) == 1 and twins[0].kind != thing.kind:
            yield f"Which shape has the same color as the {name}?", twins[0].kind


def _kind_of_nearest(view: View) -> Offers:
    for number in view.clear:
        thing, name = view.thing(number), view.name(number)
        things = [view.thing(other) for other in view.clear if other != number]
        others = sorted((thing.distance_px(other), other.kind) for other in things)
        if name and view.is_complete and len(others) > 1 and others[1][0] >= 1.35 * others[0][0]:
            yield f"Which shape is closest to the {name}?", others[0][1]


_SOLID_KINDS = tuple(kind for kind in KINDS if kind not in HOLE_RADIUS)
_MOTIF_ANSWERS = ("nothing", *facts.MOTIFS[1:])

PICTURE_TEMPLATES: tuple[Template, ...] = (
    Template("count all", "number", "how many", COUNTS[1:],
             lambda view: (("How many shapes are there?", str(one)) for one in [len(view.scene.things)]
                           if view.is_complete)),
    Template("count kind", "number", "how many", COUNTS[:3], _count("How many {} are there?", "kind", KINDS, most=2)),
    Template("count colour", "number", "how many", COUNTS[:4],
             _count("How many {} shapes are there?", "colour", COLOURS, most=3)),
    Template("count size", "number", "how many", COUNTS[:4],
             _count("How many {} shapes are in the picture?", "size", SIZES, most=3)),
    Template("count pattern", "number", "how many shapes are", COUNTS[:4],
             _count("How many shapes are {}?", "pattern", PATTERNS, most=3)),
    Template("count colours", "number", "how many", COUNTS[1:6],
             lambda view: (("How many different colors do the shapes have?", str(len(tally)))
                           for tally in [view.tally("colour")] if tally)),
    Template("count beside", "number", "how many shapes are", COUNTS[:4], _count_beside),
    Template("exists look", "yes/no", "is there a", YES_NO, _exists_look),
    Template("exists kind", "yes/no", "is there a", YES_NO,
             lambda view: ((f"Is there {with_article(kind)} in the picture?", yes_no(kind in tally))
                           for tally in [view.tally("kind")] if tally for kind in KINDS)),
    Template("exists pattern", "yes/no", "are there any", YES_NO, _exists_pattern),
    Template("is beside", "yes/no", "is the", YES_NO, _is_beside),
    Template("is bigger", "yes/no", "is the", YES_NO,
             _compared("Is the {} bigger than the {}?", "size",
                       lambda a, b: None if a.size == b.size else yes_no(a.radius_px > b.radius_px))),
    Template("same colour", "yes/no", "do the", YES_NO,
             _compared("Do the {} and the {} have the same color?", "colour",
                       lambda a, b: yes_no(a.colour == b.colour))),
    Template("more of", "yes/no", "are there", YES_NO, _more_of),
    Template("is nested", "yes/no", "is there", YES_NO, _is_nested),
    Template("is covered", "yes/no", "is the", YES_NO,
             lambda view: ((f"Is the {name} partly hidden?", yes_no(number in view.covered))
                           for number in view.clear if (name := view.name(number)))),
    Template("colour of", "other", "what color is the", COLOURS, _ask("What color is the {}?", "colour")),
    Template("colour by relation", "other", "what color is the", COLOURS,
             _ask("What color is the only shape {}?", "colour", View.related)),
    Template("colour of nested", "other", "what color is the", COLOURS,
             _ask("What color is the shape inside the {}?", "colour", View.nested)),
    Template("colour of extreme", "other", "what color is the", COLOURS,
             _ask("What color is the {} shape?", "colour", View.outermost)),
    Template("colour of superlative", "other", "what color is the", COLOURS,
             _ask("What color is the {} shape?", "colour", View.size_extremes)),
    Template("bigger of two", "other", "what color is the", COLOURS,
             _compared("What color is the bigger one, the {} or the {}?", "size",
                       lambda a, b: None if a.size == b.size or a.colour == b.colour
                       else max(a, b, key=lambda thing: thing.radius_px).colour)),
    Template("kind of", "other", "what shape is the", KINDS, _ask("What shape is the {} thing?", "kind")),
    Template("kind of superlative", "other", "what shape is the", KINDS,
             _ask("What shape is the {} thing?", "kind", View.size_extremes)),
    Template("kind of extreme", "other", "what is the", KINDS, _ask("What is the {} shape?", "kind", View.outermost)),
    Template("kind of nested", "other", "what is", _SOLID_KINDS, _ask("What is inside the {}?", "kind", View.nested)),
    Template("kind of overlapping", "other", "what", _SOLID_KINDS, _kind_of_overlapping),
    Template("kind of same colour", "other", "which", KINDS, _kind_of_same_colour),
    Template("kind of nearest", "other", "which", KINDS, _kind_of_nearest),
    Template("size of", "other", "what size is the", SIZES, _ask("What size is the {}?", "size")),
    Template("pattern of", "other", "is the", PATTERNS, _ask("Is the {} plain, striped or dotted?", "pattern")),
    Template("motif", "other", "what is", _MOTIF_ANSWERS, lambda view: iter([
        ("What is drawn on the background?", _MOTIF_ANSWERS[facts.MOTIFS.index(view.scene.backdrop.motif)])])),
    Template("region of", "other", "where", REGIONS,
             lambda view: ((f"Where in the picture is the {name}?", place) for name, thing in view.named()
                           if (place := region(thing)))),
)  # fmt: skip
"""Every template of this file, once."""
