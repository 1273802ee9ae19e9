"""Referring expressions: words that pick out exactly one clear thing among others that are like it."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from curation.sources.world.relations import ATTRIBUTES, View, describe, region
from curation.sources.world.wording import WORDS, with_article


@dataclass(frozen=True)
class Expressions:
    """A thing's number, and what it is called in each set: `refcoco`, `refcoco+` (no places), `refcocog` (long)."""

    thing: int
    of: Mapping[str, tuple[str, ...]]


def express(view: View) -> tuple[Expressions, ...]:
    """Expressions for every clear thing that has a name and shares its kind or colour with another thing."""
    rng = view.scene.stream("expressions")
    return tuple(_express(view, number, rng) for number in view.clear if view.name(number) and _has_rival(view, number))


def _has_rival(view: View, number: int) -> bool:
    thing = view.thing(number)
    return any(thing is not one and (thing.kind == one.kind or thing.colour == one.colour) for one in view.scene.things)


def _express(view: View, number: int, rng: Random) -> Expressions:
    names = list(dict.fromkeys(view.names(number)))
    places = _places(view, number)
    short = (*rng.sample(places, min(2, len(places))), names[0])
    plain = (names[0], *rng.sample(names[1:], min(2, len(names) - 1)))
    return Expressions(number, {"refcoco": short, "refcoco+": plain, "refcocog": _long(view, number, rng)})


def _places(view: View, number: int) -> list[str]:
    """Every way to tell by its place which thing is meant."""
    thing = view.thing(number)
    picks = [
        *((f"{word} {{}}", one) for word, one in view.outermost()),
        *((f"only {{}} {side}", one) for side, one in view.related()),
        *((f"{{}} inside the {name}", one) for name, one in view.nested()),
    ]
    places = [words.format("shape") for words, one in picks if one is thing]
    where = region(thing)
    return [*places, f"{view.name(number)} in the {where}"] if where else places


def _long(view: View, number: int, rng: Random) -> tuple[str, ...]:
    """Sentences with all attributes of the thing, and its place or how it stands to another thing."""
    thing = view.thing(number)
    whole = f"the {describe(thing, ATTRIBUTES)}"
    endings = [f" {rng.choice(WORDS.regions[where])} of the picture" for where in [region(thing)] if where]
    for other in view.clear:
        if other != number and (relation := view.natural_relation(number, other)):
            neighbour = with_article(describe(view.thing(other), ATTRIBUTES))
            endings.append(f" that is {rng.choice(WORDS.relations[relation])} {neighbour}")
    return tuple(whole + ending for ending in rng.sample(endings, min(2, len(endings)))) or (whole,)
