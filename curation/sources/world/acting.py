"""What happens in a scene: which things of the film do what, and what the person with the sensor does."""

import itertools
from collections.abc import Iterator
from random import Random

from msgspec.structs import replace

from curation.sources.world import scene as facts
from curation.sources.world.outlines import REACH
from curation.sources.world.relations import View
from curation.sources.world.scene import FILM_FPS, HEIGHT_PX, STEPS, WIDTH_PX, Motion, Scene, Split, Thing

_ROUND_KINDS = ("circle", "ring")  # nobody can see them spinning
_EDGE_PX = 4.0
_SHORTEST_WAY_PX, _LONGEST_WAY_PX = 56.0, 120.0
_ROUND_PX = 24.0  # radius of the way of a thing that circles
_GROWTH, _SHRINKAGE = 1.6, 0.5


def _amount(rng: Random, thing: Thing, motion: Motion) -> float | None:
    """How far the motion goes for a thing at this place; None if there is no room for it."""
    x, y, margin = thing.centre_x_px, thing.centre_y_px, REACH * thing.radius_px + _EDGE_PX
    room = {"left": x - margin, "right": WIDTH_PX - margin - x, "up": y - margin, "down": HEIGHT_PX - margin - y}
    match motion:
        case "left" | "right" | "up" | "down":
            longest = min(room[motion], _LONGEST_WAY_PX)
            return None if longest < _SHORTEST_WAY_PX else round(rng.uniform(_SHORTEST_WAY_PX, longest), 1)
        case "circles":
            ways = [sign * _ROUND_PX for sign, side in ((1, "up"), (-1, "down")) if room[side] > 2 * _ROUND_PX]
            return rng.choice(ways) if ways and min(room["left"], room["right"]) > _ROUND_PX else None
        case "grows":
            return _GROWTH if min(room.values()) > (_GROWTH - 1) * REACH * thing.radius_px else None
        case "shrinks":
            return _SHRINKAGE
        case _:
            return None if motion == "spins" and thing.kind in _ROUND_KINDS else 0.0


def _after(thing: Thing, motion: Motion, amount: float) -> Thing:
    """The thing at the place and of the size that the motion ends in."""
    if motion in ("grows", "shrinks"):
        return replace(thing, radius_px=thing.radius_px * amount)
    across, down = STEPS.get(motion, (0, 0))
    x, y = thing.centre_x_px + across * amount, thing.centre_y_px + down * amount
    return replace(thing, centre_x_px=x, centre_y_px=y)


def sample_film(rng: Random, scene: Scene) -> facts.Film:
    """One to three events, no two the same; nothing acts that lies under another thing or holds one."""
    things = dict(enumerate(scene.things))
    idle = _burdened(scene)
    events: list[facts.MotionEvent] = []
    frame = 3
    for left_over in reversed(range(rng.choice((2, 2, 3, 3)))):
        done = [(event.thing, event.motion) for event in events]
        if left_over and len(things.keys() - idle) == 1:
            done += [(number, "disappears") for number in things]
        offers = [one for one in _offers(rng, scene.split, things) if one[0] not in idle and one[:2] not in done]
        if not offers:
            break
        actor = rng.choice(sorted({number for number, _, _ in offers}))
        number, motion, amount = rng.choice([offer for offer in offers if offer[0] == actor])
        end = frame + rng.choice((6, 7))
        events.append(facts.MotionEvent(number, motion, frame / FILM_FPS, end / FILM_FPS, amount))
        things[number] = _after(things[number], motion, amount)
        if motion == "disappears":
            del things[number]
        frame = end + 2
    return facts.Film((frame + 1) / FILM_FPS, tuple(events))


def _burdened(scene: Scene) -> set[int]:
    """Things that cannot move without touching another: those under one and those around one."""
    view, numbers = View(scene), range(len(scene.things))
    hosts = {host for guest, host in itertools.permutations(numbers, 2) if view.holds("inside", guest, host)}
    return hosts | view.covered


def _offers(rng: Random, split: Split, things: dict[int, Thing]) -> Iterator[tuple[int, Motion, float]]:
    """What each thing could do; none may end on another, though it may pass over it."""
    for (number, thing), motion in itertools.product(things.items(), facts.MOTIONS):
        amount = _amount(rng, thing, motion)
        may_act = facts.may_meet(split, facts.MOTIONS.index(motion), facts.KINDS.index(thing.kind))
        if amount is None or not may_act:
            continue
        after, others = _after(thing, motion, amount), (other for key, other in things.items() if key != number)
        is_free = all(after.distance_px(one) > after.radius_px + one.radius_px for one in others)
        if is_free or (motion not in STEPS and motion != "grows"):
            yield number, motion, amount


def sample_activities(rng: Random, split: Split) -> tuple[facts.ActivitySpan, ...]:
    """One activity, or two different ones in order, that fill the window."""
    cuts: list[float] = rng.choice(([], [round(rng.uniform(2.0, 3.0), 2)], [2.5]))
    activities = rng.sample(facts.ACTIVITIES, len(cuts) + 1)
    spans = zip(activities, [0.0, *cuts], [*cuts, facts.IMU_DURATION_S], strict=True)
    return tuple(facts.ActivitySpan(one, _pace(rng, split, one), start_s, end_s) for one, start_s, end_s in spans)


def _pace(rng: Random, split: Split, activity: facts.Activity) -> facts.Pace:
    """Who stands has no pace but `steady`."""
    first = facts.ACTIVITIES.index(activity)
    paces = [pace for number, pace in enumerate(facts.PACES) if facts.may_meet(split, first, number)]
    return rng.choice(["steady"] if activity == "stand" else paces)
