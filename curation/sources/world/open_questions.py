"""Questions whose answer is a word, that a scene's facts answer beyond doubt: which colour, shape, size, place.

Nothing is asked about things that are mostly hidden, and questions about all things or none are not asked of scenes
that have one.
"""

import itertools

from curation.sources.world.relations import REGIONS, SIDE_WORDS, View, distance_px, region
from curation.sources.world.scene import COLOURS, HOLE_RADIUS, KINDS, MOTIFS, PATTERNS, SIZES
from curation.sources.world.templating import Offers, Template


def _colour_of(view: View) -> Offers:
    return ((f"What color is the {name}?", thing.colour) for thing, name in view.named(without="colour"))


def _colour_by_relation(view: View) -> Offers:
    """The colour of a shape that is named by where it stands alone."""
    for number, relation in itertools.product(view.clear, SIDE_WORDS):
        related, name = view.only_related(relation, number), view.name(number)
        if name and related is not None:
            yield f"What color is the only shape {SIDE_WORDS[relation]} the {name}?", view.thing(related).colour


def _colour_of_nested(view: View) -> Offers:
    for first, second in itertools.permutations(view.clear, 2):
        if view.holds("inside", first, second) and (name := view.name(second)):
            yield f"What color is the shape inside the {name}?", view.thing(first).colour


def _colour_of_extreme(view: View) -> Offers:
    return ((f"What color is the {word} shape?", thing.colour) for word, thing in view.outermost())


def _kind_of_extreme(view: View) -> Offers:
    return ((f"What is the {word} shape?", thing.kind) for word, thing in view.outermost())


def _colour_of_superlative(view: View) -> Offers:
    return ((f"What color is the {word} shape?", thing.colour) for word, thing in view.size_extremes())


def _kind_of_superlative(view: View) -> Offers:
    return ((f"What shape is the {word} thing?", thing.kind) for word, thing in view.size_extremes())


def _kind_of(view: View) -> Offers:
    for thing, name in view.named(without="kind"):
        yield f"What shape is the {name.removesuffix(' shape')} thing?", thing.kind


def _kind_of_nested(view: View) -> Offers:
    for first, second in itertools.permutations(view.clear, 2):
        if view.holds("inside", first, second) and (name := view.name(second)):
            yield f"What is inside the {name}?", view.thing(first).kind


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
        others = sorted(
            (distance_px(thing, view.thing(other)), view.thing(other).kind) for other in view.clear if other != number
        )
        if name and view.is_complete and len(others) > 1 and others[1][0] >= 1.35 * others[0][0]:
            yield f"Which shape is closest to the {name}?", others[0][1]


def _bigger_of_two(view: View) -> Offers:
    for first, second, first_name, second_name in view.named_pairs(without="size"):
        a, b = view.thing(first), view.thing(second)
        if a.size != b.size and a.colour != b.colour:
            bigger = a if a.radius_px > b.radius_px else b
            yield f"What color is the bigger one, the {first_name} or the {second_name}?", bigger.colour


def _size_of(view: View) -> Offers:
    return ((f"What size is the {name}?", thing.size) for thing, name in view.named(without="size"))


def _pattern_of(view: View) -> Offers:
    return (
        (f"Is the {name} plain, striped or dotted?", thing.pattern) for thing, name in view.named(without="pattern")
    )


def _motif(view: View) -> Offers:
    yield "What is drawn on the background?", _MOTIF_ANSWERS[MOTIFS.index(view.scene.backdrop.motif)]


def _region_of(view: View) -> Offers:
    for thing, name in view.named():
        if place := region(thing):
            yield f"Where in the picture is the {name}?", place


_SOLID_KINDS = tuple(kind for kind in KINDS if kind not in HOLE_RADIUS)
_MOTIF_ANSWERS = ("nothing", "grid", "waves", "hills", "bricks", "rays")

OPEN_TEMPLATES: tuple[Template, ...] = (
    Template("colour of", "other", "what color is the", COLOURS, _colour_of),
    Template("colour by relation", "other", "what color is the", COLOURS, _colour_by_relation),
    Template("colour of nested", "other", "what color is the", COLOURS, _colour_of_nested),
    Template("colour of extreme", "other", "what color is the", COLOURS, _colour_of_extreme),
    Template("colour of superlative", "other", "what color is the", COLOURS, _colour_of_superlative),
    Template("bigger of two", "other", "what color is the", COLOURS, _bigger_of_two),
    Template("kind of", "other", "what shape is the", KINDS, _kind_of),
    Template("kind of superlative", "other", "what shape is the", KINDS, _kind_of_superlative),
    Template("kind of extreme", "other", "what is the", KINDS, _kind_of_extreme),
    Template("kind of nested", "other", "what is", _SOLID_KINDS, _kind_of_nested),
    Template("kind of overlapping", "other", "what", _SOLID_KINDS, _kind_of_overlapping),
    Template("kind of same colour", "other", "which", KINDS, _kind_of_same_colour),
    Template("kind of nearest", "other", "which", KINDS, _kind_of_nearest),
    Template("size of", "other", "what size is the", SIZES, _size_of),
    Template("pattern of", "other", "is the", PATTERNS, _pattern_of),
    Template("motif", "other", "what is", _MOTIF_ANSWERS, _motif),
    Template("region of", "other", "where", REGIONS, _region_of),
)
"""Every template of this file, once."""
