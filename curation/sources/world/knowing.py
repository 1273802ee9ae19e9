"""What is known about a scene beyond doubt: rows of words, from which the templates of `questions.json` are filled.

A template takes every row that has all of its words. Nothing is known about things that are mostly hidden, nor about
all things or none of a scene that has one; a word that is in doubt or would make no sense is None.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise, permutations, product

from curation.sources.world import scene as facts
from curation.sources.world.relations import ATTRIBUTES, SIDE_WORDS, View, region
from curation.sources.world.scene import COLOURS, DIRECTIONS, HOLE_RADIUS, KINDS, MOTIONS, PATTERNS
from curation.sources.world.wording import MOTION_VERBS, gerund, plural, third_person, with_article

Rows = Iterator[Mapping[str, str | None]]

_ENDS = (("first", 0), ("last", -1))
_DEEDS = {motion: "move" if motion in DIRECTIONS else MOTION_VERBS[motion].split(" ")[-1] for motion in MOTIONS}


def _yes_no(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _few(count: int, *, most: int = 3) -> str | None:
    return str(count) if count <= most else None


def picture_rows(view: View) -> Rows:
    """What the picture shows, from counts to how every two things stand to each other."""
    motif = view.scene.backdrop.motif
    shapes = str(len(view.scene.things)) if view.is_complete else None
    yield {"shapes": shapes, "motif": "nothing" if motif == "plain" else motif}
    yield from chain(_tallies(view), _looks(view), thing_rows(view), _sides(view), _pairs(view))


def _tallies(view: View) -> Rows:
    """How many things have each value of each attribute."""
    for attribute, values in facts.VALUES.items() if view.is_complete else ():
        tally, most = view.tally(attribute), 2 if attribute == "kind" else 3
        yield {f"{attribute}s": str(len(tally))}
        for value in values:
            words = {attribute: value, "plural": plural(value), "with article": with_article(value)}
            yield words | {f"{attribute} count": _few(tally[value], most=most)}
            yield words | {f"is {attribute} there": _yes_no(value in tally)}
        for one, other in permutations(tally, 2):
            if tally[one] != tally[other]:
                yield {"one": one, "other": other, f"are more of {attribute}": _yes_no(tally[one] > tally[other])}


def _looks(view: View) -> Rows:
    """Only looks that the split may show, so that a missing one cannot be told by its text."""
    looks = {(thing.kind, thing.colour) for thing in view.scene.things}
    marks = {(thing.pattern, str(thing.colour)) for thing in view.scene.things}
    kinds, colours = view.tally("kind"), view.tally("colour")
    for kind, colour in product(KINDS, COLOURS):
        if (kind in kinds or colour in colours) and facts.is_look_of(view.scene.split, kind, colour):
            yield {"a colour": with_article(colour), "kind": kind, "is look there": _yes_no((kind, colour) in looks)}
    for pattern, worn in product(PATTERNS, sorted(colours)):
        yield {"pattern": pattern, "colour": worn, "is mark there": _yes_no((pattern, worn) in marks)}


def _names(view: View, number: int, who: str) -> dict[str, str | None]:
    """The thing's name, and its names that do not give one of its attributes away."""
    return {who: view.name(number)} | {f"{who} without {one}": view.name(number, without=one) for one in ATTRIBUTES}


def thing_rows(view: View) -> Rows:
    """What each clear thing looks like after its names, then what those are that can be meant in other ways."""
    for number in view.clear:
        thing, names = view.thing(number), _names(view, number, "name")
        is_filled = _yes_no(any(view.holds("inside", other, number) for other in view.clear))
        yield {
            **names,
            **{f"it {key}": f"the {name}" for key, name in names.items() if name},
            **{attribute: getattr(thing, attribute) for attribute in ATTRIBUTES},
            "look": (names["name without kind"] or "").removesuffix(" shape"),
            "region": region(thing),
            "is covered": _yes_no(number in view.covered),
            "is filled": is_filled if view.is_complete and thing.kind in HOLE_RADIUS else None,
            "kind of twin": _kind_of_twin(view, number),
            "kind of nearest": _kind_of_nearest(view, number),
        }
    ways = (
        ("side", "the only shape {}", view.related()), ("host", "the shape inside the {}", view.nested()),
        ("extreme", "the {} shape", view.outermost()), ("superlative", "the {} shape", view.size_extremes()),
    )  # fmt: skip
    for way, text, picks in ways:
        for words, thing in picks:
            it = {f"it name without {attribute}": text.format(words) for attribute in ATTRIBUTES}
            yield {**it, way: words, "kind": thing.kind, "colour": thing.colour}


def _kind_of_twin(view: View, number: int) -> str | None:
    """What alone shares its colour with the thing, if it is of another kind."""
    thing = view.thing(number)
    twins = [other.kind for other in view.scene.things if other.colour == thing.colour and other is not thing]
    return twins[0] if view.is_complete and len(twins) == 1 and twins[0] != thing.kind else None


def _kind_of_nearest(view: View, number: int) -> str | None:
    others = (view.thing(other) for other in view.clear if other != number)
    ranked = sorted((view.thing(number).distance_px(other), other.kind) for other in others)
    is_sure = view.is_complete and len(ranked) > 1 and ranked[1][0] >= 1.35 * ranked[0][0]
    return ranked[0][1] if is_sure else None


def _sides(view: View) -> Rows:
    """On which sides of each thing others lie."""
    for number, (relation, side) in product(view.clear, SIDE_WORDS.items()):
        beside = view.beside(relation, number) if relation in ("left of", "right of") else None
        yield {"name": view.name(number), "side": side, "count": None if beside is None else _few(len(beside))}
    for (first, second), (relation, side) in product(permutations(view.clear, 2), SIDE_WORDS.items()):
        is_so = view.holds(relation, first, second)
        if is_so or view.holds(relation, second, first):
            yield {"name": view.name(first), "side": side, "other name": view.name(second), "is so": _yes_no(is_so)}


def _pairs(view: View) -> Rows:
    """How every two things compare, by names that do not tell."""
    for first, second in permutations(view.clear, 2):
        one, other = view.thing(first), view.thing(second)
        bigger = None if one.size == other.size else max(one, other, key=lambda thing: thing.radius_px)
        hides, is_hidden = (view.holds(relation, first, second) for relation in ("in front of", "behind"))
        yield {
            **_names(view, first, "first"),
            **_names(view, second, "second"),
            "first kind": one.kind,
            "overlaps": "covers a part of" if hides else "is partly hidden by" if is_hidden else None,
            "is bigger": _yes_no(bigger is one) if bigger else None,
            "colour of bigger": bigger.colour if bigger and one.colour != other.colour else None,
            "is same colour": _yes_no(one.colour == other.colour),
        }


def clip_rows(view: View) -> Rows:
    """What the clip lets hear."""
    events = view.scene.soundscape.events
    yield {"floor": view.scene.soundscape.floor, "count": str(len(events))}
    for event in events:
        yield {"sound": event.sound, "loudness": event.loudness, "times": str(event.repetitions)}
    yield from _story([event.sound for event in events], facts.SOUNDS)


def window_rows(view: View) -> Rows:
    """What the person with the sensor does."""
    spans = view.scene.activities
    yield {"count": str(len(spans)), "only": spans[0].activity if len(spans) == 1 else None}
    for span in spans:
        yield {"activity": span.activity, "pace": None if span.activity == "stand" else span.pace}
    yield from _story([span.activity for span in spans], facts.ACTIVITIES)


def _story(happened: Sequence[str], choices: Sequence[str]) -> Rows:
    """What came first and last, what followed on what and came before it, and what happened of all that could."""
    for end, place in _ENDS if len(happened) > 1 else ():
        yield {"end": end, "at end": happened[place]}
    for one, after in pairwise(happened):
        yield {"one": one, "doing one": gerund(one), "after one": after}
    yield from _orders(happened)
    for choice in choices:
        yield {"choice": choice, "happens": _yes_no(choice in happened)}


def _orders(happened: Sequence[str]) -> Rows:
    for (place, one), (other_place, other) in permutations(enumerate(happened), 2):
        yield {"one": one, "other": other, "is before": _yes_no(place < other_place)}


def film_rows(view: View) -> Rows:
    """What happens in the film, and of each thing what it does and does not do.

    An actor is named if it does nothing else, and meant by its deed if it alone does that.
    """
    events = view.scene.film.events
    actors, motions = Counter(event.thing for event in events), Counter(event.motion for event in events)
    idle = len(view.scene.things) - len(actors)
    yield {"actors": str(len(actors)), "bystanders": _few(idle) if view.is_complete else None}
    deeds: list[dict[str, str | None]] = [
        {
            "actor": view.name(event.thing) if actors[event.thing] == 1 else None,
            "does": third_person(MOTION_VERBS[event.motion]),
            "alone does": third_person(MOTION_VERBS[event.motion]) if motions[event.motion] == 1 else None,
            "deed": _DEEDS[event.motion],
            "way": event.motion if event.motion in DIRECTIONS else None,
            "kind": view.thing(event.thing).kind,
            "colour": view.thing(event.thing).colour,
        }
        for event in events
    ]
    for deed, after in zip(deeds, [*deeds[1:], {}], strict=True):
        yield deed | {f"next {key}": words for key, words in after.items()}
    for end, place in _ENDS if deeds else ():
        yield {"end": end} | {f"{key} at end": words for key, words in deeds[place].items()}
    yield from _orders([name for deed in deeds if (name := deed["actor"])])
    done = {(event.thing, event.motion) for event in events}
    for number in view.clear:
        yield {"name": view.name(number), "stays": _yes_no(number not in actors)}
        for motion in MOTIONS:
            yield {"name": view.name(number), "do": MOTION_VERBS[motion], "is so": _yes_no((number, motion) in done)}
