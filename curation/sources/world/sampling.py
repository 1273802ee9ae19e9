"""Scene number k of a seed: looks, layout, sounds and captions, drawn from that scene's own random streams."""

import itertools
import math
from collections.abc import Sequence
from random import Random
from typing import get_args

from msgspec.structs import replace

from curation.sources.world import scene as facts
from curation.sources.world.acting import sample_activities, sample_film
from curation.sources.world.captions import CAPTIONS_PER_ITEM, write_captions
from curation.sources.world.outlines import REACH, bounding_box, edges, visible_shares
from curation.sources.world.rendering import canvas_mask
from curation.sources.world.scene import HEIGHT_PX, HOLE_RADIUS, WIDTH_PX, Overlap, Scene, Split, Thing, random_stream
from curation.sources.world.synthesis import BURST_S, UNPITCHED

# Mean radius of each size; the spread is 6 %, so that sizes never meet.
RADIUS_PX: dict[facts.Size, float] = {"small": 17.0, "medium": 28.0, "large": 42.0}

_GAP_PX = 7.0  # between things that do not overlap on purpose
_EDGE_PX = 6.0  # between things and the canvas edge
_PARTLY_COVERED = (0.12, 0.4)
_MOSTLY_COVERED = (0.6, 0.85)

# Things that stay together, with their offsets in pixels from the cluster's middle, in drawing order.
_Cluster = Sequence[tuple[Thing, float, float]]


def sample_scene(seed: int, number: int) -> Scene:
    """One scene with its captions."""
    rng = random_stream(seed, number, "facts")
    split = facts.split_of(number)
    things, overlaps = _sample_things(rng, split)
    backdrop = facts.Backdrop(*(rng.choice(get_args(part)) for part in (facts.Motif, facts.Tint, facts.Noise)))
    sounds, still = _sample_soundscape(rng, split), facts.Film(0.0, ())
    activities = sample_activities(random_stream(seed, number, "activities"), split)
    scene = Scene(facts.SCHEMA, seed, number, split, backdrop, things, overlaps, sounds, still, activities)
    scene = replace(scene, film=sample_film(random_stream(seed, number, "film"), scene))
    captions = {one: write_captions(scene, one)[:CAPTIONS_PER_ITEM] for one in facts.MODALITIES}
    return replace(scene, captions=captions)


def _sample_things(rng: Random, split: Split) -> tuple[tuple[Thing, ...], tuple[Overlap, ...]]:
    count = rng.choices(range(1, 7), weights=(3, 3, 4, 4, 4, 4))[0]
    middles = None
    while middles is None:
        clusters = _sample_clusters(rng, split, count)
        radii = [max(math.hypot(dx, dy) + REACH * one.radius_px for one, dx, dy in cluster) for cluster in clusters]
        middles = _place_clusters(rng, radii)
    things: list[Thing] = []
    overlaps = []
    for cluster, (x, y) in zip(clusters, middles, strict=True):
        if len(cluster) == 2 and cluster[0][0].kind not in HOLE_RADIUS:
            overlaps.append(Overlap(front=len(things) + 1, back=len(things)))
        things += [_at(look, round(x + dx, 1), round(y + dy, 1)) for look, dx, dy in cluster]
    shares = visible_shares([canvas_mask(thing) for thing in things])
    shown = [replace(thing, visible_share=round(share, 3)) for thing, share in zip(things, shares, strict=True)]
    return tuple(shown), tuple(overlaps)


def _at(look: Thing, x: float, y: float) -> Thing:
    """The thing at this place, with its box."""
    thing = replace(look, centre_x_px=x, centre_y_px=y)
    return replace(thing, box_xyxy_px=bounding_box(edges(thing)[0]))


def _sample_clusters(rng: Random, split: Split, count: int) -> list[_Cluster]:
    looks = _sample_looks(rng, split, count)
    clusters: list[_Cluster] = []
    if len(looks) >= 2 and rng.random() < 0.35:
        clusters.append(_nested(rng, split, looks.pop(), looks.pop()))
    if len(looks) >= 2 and rng.random() < 0.5 and (overlapping := _overlapping(rng, looks[0], looks[1])):
        clusters.append(overlapping)
        looks = looks[2:]
    clusters += [[(look, 0.0, 0.0)] for look in looks]
    rng.shuffle(clusters)
    return clusters


def _sample_looks(rng: Random, split: Split, count: int) -> list[Thing]:
    """Looks of a scene; about two in three share their colour or their kind with an earlier one, to distract."""
    looks: list[Thing] = []
    pairs = _pairs(split)
    pattern_theme, size_theme = rng.choice(facts.PATTERNS), rng.choice(facts.SIZES)
    for _ in range(count):
        kind, colour = rng.choice(pairs)
        likeness = rng.random()
        if looks and likeness < 0.65:
            twin = rng.choice(looks)
            alike = [one for one in pairs if (one[1] == twin.colour if likeness < 0.4 else one[0] == twin.kind)]
            kind, colour = rng.choice(alike)
        size = size_theme if rng.random() < 0.3 else rng.choices(facts.SIZES, weights=(4, 4, 3))[0]
        pattern = pattern_theme if rng.random() < 0.3 else rng.choice(facts.PATTERNS)
        looks.append(_look(rng, kind, colour, size, pattern))
    return looks


def _pairs(split: Split) -> list[tuple[facts.Kind, facts.Colour]]:
    return [pair for pair in itertools.product(facts.KINDS, facts.COLOURS) if facts.is_look_of(split, *pair)]


def _look(rng: Random, kind: facts.Kind, colour: facts.Colour, size: facts.Size, pattern: facts.Pattern) -> Thing:
    """A look with its random parts; hollow kinds are never small, for their walls would hide the pattern."""
    size = "medium" if size == "small" and kind in HOLE_RADIUS else size
    radius_px = round(RADIUS_PX[size] * rng.uniform(0.94, 1.06), 1)
    tilt_deg = round(rng.uniform(-12.0, 12.0), 1)
    return Thing(kind, colour, size, pattern, 0.0, 0.0, radius_px, tilt_deg, (0.0, 0.0, 0.0, 0.0), visible_share=1.0)


def _nested(rng: Random, split: Split, outer: Thing, inner: Thing) -> _Cluster:
    """The second look, made small and solid, inside the hole of the first, made large and hollow."""
    hollow, hollow_colour = rng.choice([pair for pair in _pairs(split) if pair[0] in HOLE_RADIUS])
    solids = [pair for pair in _pairs(split) if pair[0] not in HOLE_RADIUS]
    solid, solid_colour = rng.choice(solids) if inner.kind in HOLE_RADIUS else (inner.kind, inner.colour)
    container = _look(rng, hollow, hollow_colour, "large", outer.pattern)
    guest = _look(rng, solid, solid_colour, "small", inner.pattern)
    slack = max(0.0, container.radius_px * HOLE_RADIUS[hollow] - guest.radius_px * REACH)
    angle, distance = rng.uniform(0.0, math.tau), rng.uniform(0.0, slack)
    return [(container, 0.0, 0.0), (guest, distance * math.cos(angle), distance * math.sin(angle))]


def _overlapping(rng: Random, back: Thing, front: Thing) -> _Cluster | None:
    """The second look over part of the first; None where the pair does not allow it."""
    if back.kind in HOLE_RADIUS or front.kind in HOLE_RADIUS:
        return None
    low, high = _MOSTLY_COVERED if rng.random() < 0.15 else _PARTLY_COVERED
    angle = rng.uniform(0.0, math.tau)
    under = canvas_mask(_at(back, WIDTH_PX / 2, HEIGHT_PX / 2))
    for step in range(12, 0, -1):
        distance = (back.radius_px + front.radius_px) * step / 12
        dx, dy = distance * math.cos(angle), distance * math.sin(angle)
        over = canvas_mask(_at(front, WIDTH_PX / 2 + dx, HEIGHT_PX / 2 + dy))
        if low <= 1.0 - visible_shares([under, over])[0] <= high:
            return [(back, -dx / 2, -dy / 2), (front, dx / 2, dy / 2)]
    return None


def _place_clusters(rng: Random, radii: Sequence[float]) -> list[tuple[float, float]] | None:
    """Middles on the canvas that keep clusters apart; None if luck ran out."""
    middles: list[tuple[float, float]] = []
    for index, radius in enumerate(radii):
        margin, others = radius + _EDGE_PX, list(zip(middles, radii[:index], strict=True))
        tries = ((rng.uniform(margin, WIDTH_PX - margin), rng.uniform(margin, HEIGHT_PX - margin)) for _ in range(60))
        free = (one for one in tries if all(math.dist(one, at) >= radius + reach + _GAP_PX for at, reach in others))
        if 2 * margin > HEIGHT_PX or (middle := next(free, None)) is None:
            return None
        middles.append(middle)
    return middles


def _sample_soundscape(rng: Random, split: Split) -> facts.Soundscape:
    count = rng.choice((1, 2, 2, 3, 3))
    start_s = rng.uniform(0.1, 0.4)
    events: list[facts.SoundEvent] = []
    for turn in range(count):
        heard = [event.sound for event in events]
        fresh = [
            one for one in facts.SOUNDS if one not in heard and facts.may_meet(split, facts.SOUNDS.index(one), turn)
        ]
        sound = rng.choice(fresh)
        burst_s, gap_s = BURST_S[sound], rng.uniform(0.1, 0.16)
        room_s = 4.6 / count - 0.3
        repetitions = rng.randint(1, max(1, min(4, int(room_s / (burst_s + gap_s)))))
        pitch: facts.Pitch = "middle" if sound in UNPITCHED else rng.choice(get_args(facts.Pitch))
        loudness, times_s = rng.choice(get_args(facts.Loudness)), (round(start_s, 3), burst_s, round(gap_s, 3))
        events.append(facts.SoundEvent(sound, loudness, pitch, repetitions, *times_s))
        start_s = events[-1].end_s + rng.uniform(0.2, 0.3)
    duration_s = round(min(5.0, max(3.0, events[-1].end_s + rng.uniform(0.2, 0.6))), 1)
    return facts.Soundscape(duration_s, rng.choice(get_args(facts.Floor)), tuple(events))
