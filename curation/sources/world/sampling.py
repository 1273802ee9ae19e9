"""Scene number k of a seed: looks, layout, sounds and captions, drawn from that scene's own random streams."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from msgspec.structs import replace

from curation.sources.world.captions import CAPTIONS_PER_ITEM, write_captions
from curation.sources.world.outlines import bounding_box, canvas_mask, outline, visible_shares
from curation.sources.world.scene import (
    COLOURS,
    FLOORS,
    HEIGHT_PX,
    HOLE_RADIUS,
    KINDS,
    LOUDNESSES,
    MOTIFS,
    NOISES,
    PATTERNS,
    PITCHES,
    SCHEMA,
    SIZES,
    SOUNDS,
    TINTS,
    WIDTH_PX,
    Backdrop,
    Colour,
    Kind,
    Overlap,
    Pattern,
    Scene,
    Size,
    SoundEvent,
    Soundscape,
    Split,
    Thing,
    is_look_of,
    is_turn_of,
    random_stream,
    split_of,
)
from curation.sources.world.synthesis import BURST_S, UNPITCHED

RADIUS_PX: dict[Size, float] = {"small": 17.0, "medium": 28.0, "large": 42.0}
"""Mean radius of each size; the spread is 6 %, so that sizes never meet."""

_REACH = 1.1  # no outline is wider than this many radii
_GAP_PX = 7.0  # between things that do not overlap on purpose
_EDGE_PX = 6.0  # between things and the canvas edge
_PARTLY_COVERED = (0.12, 0.4)
_MOSTLY_COVERED = (0.6, 0.85)


@dataclass(frozen=True)
class _Look:
    kind: Kind
    colour: Colour
    size: Size
    pattern: Pattern
    radius_px: float
    tilt_deg: float

    def at(self, x: float, y: float) -> Thing:
        """The thing at this place, its box measured and its visible share still unknown (1)."""
        edge = outline(self.kind, centre=(x, y), radius=self.radius_px, tilt_deg=self.tilt_deg)
        return Thing(
            kind=self.kind,
            colour=self.colour,
            size=self.size,
            pattern=self.pattern,
            centre_x_px=x,
            centre_y_px=y,
            radius_px=self.radius_px,
            tilt_deg=self.tilt_deg,
            box_xyxy_px=bounding_box(edge),
            visible_share=1.0,
        )


_Cluster = Sequence[tuple[_Look, float, float]]
"""Looks that stay together, with their offsets in pixels from the cluster's middle, in drawing order."""


def sample_scene(seed: int, number: int) -> Scene:
    """One scene with its captions."""
    rng = random_stream(seed, number, "facts")
    split = split_of(number)
    things, overlaps = _sample_things(rng, split)
    facts = Scene(
        schema=SCHEMA,
        seed=seed,
        number=number,
        split=split,
        backdrop=Backdrop(rng.choice(MOTIFS), rng.choice(TINTS), rng.choice(NOISES)),
        things=things,
        overlaps=overlaps,
        soundscape=_sample_soundscape(rng, split),
    )
    image_captions, audio_captions = write_captions(facts, "image"), write_captions(facts, "audio")
    return replace(
        facts, image_captions=image_captions[:CAPTIONS_PER_ITEM], audio_captions=audio_captions[:CAPTIONS_PER_ITEM]
    )


def _sample_things(rng: Random, split: Split) -> tuple[tuple[Thing, ...], tuple[Overlap, ...]]:
    count = rng.choices(range(1, 7), weights=(3, 3, 4, 4, 4, 4))[0]
    while True:
        clusters = _sample_clusters(rng, split, count)
        middles = _place_clusters(rng, [_cluster_radius(cluster) for cluster in clusters])
        if middles is not None:
            break
    things: list[Thing] = []
    overlaps = []
    for cluster, (x, y) in zip(clusters, middles, strict=True):
        if len(cluster) == 2 and cluster[0][0].kind not in HOLE_RADIUS:
            overlaps.append(Overlap(front=len(things) + 1, back=len(things)))
        things += [look.at(round(x + dx, 1), round(y + dy, 1)) for look, dx, dy in cluster]
    return _with_visible_shares(things), tuple(overlaps)


def _with_visible_shares(things: Sequence[Thing]) -> tuple[Thing, ...]:
    shares = visible_shares(
        [
            canvas_mask(
                thing.kind,
                centre=(thing.centre_x_px, thing.centre_y_px),
                radius=thing.radius_px,
                tilt_deg=thing.tilt_deg,
            )
            for thing in things
        ]
    )
    return tuple(replace(thing, visible_share=round(share, 3)) for thing, share in zip(things, shares, strict=True))


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


def _sample_looks(rng: Random, split: Split, count: int) -> list[_Look]:
    """Looks of a scene; about two in three share their colour or their kind with an earlier one, to distract."""
    looks: list[_Look] = []
    pairs = _pairs(split)
    pattern_theme = rng.choice(PATTERNS)
    size_theme = rng.choice(SIZES)
    for _ in range(count):
        kind, colour = rng.choice(pairs)
        likeness = rng.random()
        if looks and likeness < 0.4:
            twin = rng.choice(looks)
            kind, colour = rng.choice([pair for pair in pairs if pair[1] == twin.colour])
        elif looks and likeness < 0.65:
            twin = rng.choice(looks)
            kind, colour = rng.choice([pair for pair in pairs if pair[0] == twin.kind])
        size = size_theme if rng.random() < 0.3 else rng.choices(SIZES, weights=(4, 4, 3))[0]
        pattern = pattern_theme if rng.random() < 0.3 else rng.choice(PATTERNS)
        looks.append(_look(rng, kind, colour, size, pattern))
    return looks


def _pairs(split: Split) -> list[tuple[Kind, Colour]]:
    return [(kind, colour) for kind, colour in itertools.product(KINDS, COLOURS) if is_look_of(split, kind, colour)]


def _look(rng: Random, kind: Kind, colour: Colour, size: Size, pattern: Pattern) -> _Look:
    """A look with its random parts; hollow kinds are never small, for their walls would hide the pattern."""
    size = "medium" if size == "small" and kind in HOLE_RADIUS else size
    radius_px = round(RADIUS_PX[size] * rng.uniform(0.94, 1.06), 1)
    return _Look(kind, colour, size, pattern, radius_px, tilt_deg=round(rng.uniform(-12.0, 12.0), 1))


def _nested(rng: Random, split: Split, outer: _Look, inner: _Look) -> _Cluster:
    """The second look, made small and solid, inside the hole of the first, made large and hollow."""
    hollow, hollow_colour = rng.choice([pair for pair in _pairs(split) if pair[0] in HOLE_RADIUS])
    solids = [pair for pair in _pairs(split) if pair[0] not in HOLE_RADIUS]
    solid, solid_colour = rng.choice(solids) if inner.kind in HOLE_RADIUS else (inner.kind, inner.colour)
    container = _look(rng, hollow, hollow_colour, "large", outer.pattern)
    guest = _look(rng, solid, solid_colour, "small", inner.pattern)
    slack = max(0.0, container.radius_px * HOLE_RADIUS[hollow] - guest.radius_px * _REACH)
    angle, distance = rng.uniform(0.0, math.tau), rng.uniform(0.0, slack)
    return [(container, 0.0, 0.0), (guest, distance * math.cos(angle), distance * math.sin(angle))]


def _overlapping(rng: Random, back: _Look, front: _Look) -> _Cluster | None:
    """The second look over part of the first; None where the pair does not allow it."""
    if back.kind in HOLE_RADIUS or front.kind in HOLE_RADIUS:
        return None
    low, high = _MOSTLY_COVERED if rng.random() < 0.15 else _PARTLY_COVERED
    angle = rng.uniform(0.0, math.tau)
    middle = (WIDTH_PX / 2, HEIGHT_PX / 2)
    under = canvas_mask(back.kind, centre=middle, radius=back.radius_px, tilt_deg=back.tilt_deg)
    for step in range(12, 0, -1):
        distance = (back.radius_px + front.radius_px) * step / 12
        dx, dy = distance * math.cos(angle), distance * math.sin(angle)
        over = canvas_mask(
            front.kind, centre=(middle[0] + dx, middle[1] + dy), radius=front.radius_px, tilt_deg=front.tilt_deg
        )
        if low <= 1.0 - visible_shares([under, over])[0] <= high:
            return [(back, -dx / 2, -dy / 2), (front, dx / 2, dy / 2)]
    return None


def _cluster_radius(cluster: _Cluster) -> float:
    return max(math.hypot(dx, dy) + _REACH * look.radius_px for look, dx, dy in cluster)


def _place_clusters(rng: Random, radii: Sequence[float]) -> list[tuple[float, float]] | None:
    """Middles on the canvas that keep clusters apart; None if luck ran out."""
    middles: list[tuple[float, float]] = []
    for index, radius in enumerate(radii):
        margin = radius + _EDGE_PX
        if 2 * margin > HEIGHT_PX:
            return None
        for _ in range(60):
            x, y = rng.uniform(margin, WIDTH_PX - margin), rng.uniform(margin, HEIGHT_PX - margin)
            if all(
                math.dist((x, y), other) >= radius + radii[earlier] + _GAP_PX for earlier, other in enumerate(middles)
            ):
                middles.append((x, y))
                break
        if len(middles) == index:
            return None
    return middles


def _sample_soundscape(rng: Random, split: Split) -> Soundscape:
    count = rng.choice((1, 2, 2, 3, 3))
    start_s = rng.uniform(0.1, 0.4)
    events: list[SoundEvent] = []
    for turn in range(count):
        heard = {event.sound for event in events}
        sound = rng.choice([sound for sound in SOUNDS if is_turn_of(split, sound, turn) and sound not in heard])
        burst_s, gap_s = BURST_S[sound], rng.uniform(0.1, 0.16)
        room_s = 4.6 / count - 0.3
        repetitions = rng.randint(1, max(1, min(4, int(room_s / (burst_s + gap_s)))))
        pitch = "middle" if sound in UNPITCHED else rng.choice(PITCHES)
        event = SoundEvent(
            sound, rng.choice(LOUDNESSES), pitch, repetitions, round(start_s, 3), burst_s, gap_s=round(gap_s, 3)
        )
        events.append(event)
        start_s = event.end_s + rng.uniform(0.2, 0.3)
    duration_s = round(min(5.0, max(3.0, events[-1].end_s + rng.uniform(0.2, 0.6))), 1)
    return Soundscape(duration_s, rng.choice(FLOORS), tuple(events))
