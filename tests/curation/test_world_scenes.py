"""The world's scenes: splits, layout and relations, checked against the facts by other means than their maker's."""

import itertools
import math
from typing import get_args

import msgspec
import numpy as np
import pytest

from curation.sources.world.captions import oracle_caption, reference_captions, write_captions
from curation.sources.world.relations import View, region
from curation.sources.world.rendering import canvas_mask
from curation.sources.world.sampling import sample_scene
from curation.sources.world.scene import (
    COLOURS,
    HEIGHT_PX,
    HOLE_RADIUS,
    KINDS,
    MODALITIES,
    PATTERNS,
    RELATIONS,
    SIZES,
    SOUNDS,
    WIDTH_PX,
    Backdrop,
    Film,
    Motif,
    Overlap,
    Scene,
    Soundscape,
    Thing,
)

SCENES = [sample_scene(5, number) for number in range(300)]


def thing(kind: str, colour: str, x: float, y: float, *, size: str = "medium", pattern: str = "plain") -> Thing:
    radius_px = {"small": 17.0, "medium": 28.0, "large": 42.0}[size]
    box = (x - radius_px, y - radius_px, x + radius_px, y + radius_px)
    facts = {"kind": kind, "colour": colour, "size": size, "pattern": pattern, "radius_px": radius_px, "tilt_deg": 0.0}
    place = {"centre_x_px": x, "centre_y_px": y, "box_xyxy_px": box, "visible_share": 1.0}
    return msgspec.convert({**facts, **place}, Thing)


def scene(*things: Thing, overlaps: tuple[Overlap, ...] = ()) -> Scene:
    sounds, film = Soundscape(3.0, "hiss", ()), Film(0.0, ())
    return Scene(2, 0, 0, "train", Backdrop("waves", "mint", "none"), things, overlaps, sounds, film, ())


def test_split_never_shares_a_look_or_a_turn_with_training_but_training_has_every_single_value() -> None:
    looks: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    turns: dict[bool, set[tuple[str, int]]] = {True: set(), False: set()}
    for of_world in SCENES:
        is_train = of_world.split == "train"
        looks[is_train] |= {(thing.kind, thing.colour) for thing in of_world.things}
        turns[is_train] |= {(event.sound, turn) for turn, event in enumerate(of_world.soundscape.events)}
    assert not looks[True] & looks[False]
    assert not turns[True] & turns[False]
    assert {kind for kind, _ in looks[True]} == set(KINDS)
    assert {colour for _, colour in looks[True]} == set(COLOURS)
    assert {sound for sound, _ in turns[True]} == set(SOUNDS)
    assert {turn for _, turn in turns[True]} == {0, 1, 2} == {turn for _, turn in turns[False]}
    assert len(looks[False]) > 25


def test_world_is_as_rich_as_promised() -> None:
    things = [thing for of_world in SCENES for thing in of_world.things]
    assert {len(of_world.things) for of_world in SCENES} == {1, 2, 3, 4, 5, 6}
    assert len({thing.kind for thing in things}) >= 8
    assert len({thing.colour for thing in things}) == 8
    assert {thing.size for thing in things} == set(SIZES)
    assert {thing.pattern for thing in things} == set(PATTERNS)
    assert {of_world.backdrop.motif for of_world in SCENES} == set(get_args(Motif))
    assert len({event.sound for of_world in SCENES for event in of_world.soundscape.events}) >= 8
    partly_hidden = [thing for thing in things if 0.5 <= thing.visible_share < 1]
    mostly_hidden = [thing for thing in things if thing.visible_share < 0.5]
    assert len(partly_hidden) > 50
    assert 5 < len(mostly_hidden) < 40
    assert len(RELATIONS) >= 6
    for relation in RELATIONS:
        held = sum(
            View(of_world).holds(relation, first, second)
            for of_world in SCENES
            for first, second in itertools.permutations(range(len(of_world.things)), 2)
        )
        assert held > 20, relation


def test_scene_does_not_depend_on_other_scenes_and_depends_on_its_seed() -> None:
    assert sample_scene(5, 77) == SCENES[77]
    assert sample_scene(6, 77).things != SCENES[77].things
    assert SCENES[77].things != SCENES[78].things


def test_scene_survives_json() -> None:
    line = msgspec.json.encode(SCENES[4])
    assert b"\n" not in line
    assert msgspec.json.decode(line, type=Scene) == SCENES[4]


def test_things_lie_on_the_canvas_and_only_planned_ones_overlap() -> None:
    for of_world in SCENES[:120]:
        masks = [canvas_mask(t) for t in of_world.things]
        touching = {
            Overlap(front=front, back=back)
            for back, front in itertools.combinations(range(len(masks)), 2)
            if (masks[back] & masks[front]).any()
        }
        assert touching == set(of_world.overlaps)
        for number, of_scene in enumerate(of_world.things):
            x1, y1, x2, y2 = of_scene.box_xyxy_px
            assert min(x1, y1, WIDTH_PX - x2, HEIGHT_PX - y2) > 0
            rows, columns = np.nonzero(masks[number])
            assert (columns.min(), rows.min()) == pytest.approx((x1, y1), abs=1.2)
            assert (columns.max(), rows.max()) == pytest.approx((x2, y2), abs=1.2)
            rest = masks[number] & ~np.any(masks[number + 1 :] or [np.zeros_like(masks[0])], axis=0)
            assert of_scene.visible_share == pytest.approx(rest.sum() / masks[number].sum(), abs=1e-3)


def test_guests_lie_within_the_hole_of_their_hollow_thing() -> None:
    nested = 0
    for of_world in SCENES:
        for guest, host in itertools.permutations(range(len(of_world.things)), 2):
            if View(of_world).holds("inside", guest, host):
                inner, outer = of_world.things[guest], of_world.things[host]
                step = math.hypot(inner.centre_x_px - outer.centre_x_px, inner.centre_y_px - outer.centre_y_px)
                assert step + inner.radius_px <= outer.radius_px * HOLE_RADIUS[outer.kind] + 0.2
                nested += 1
    assert nested > 30


def test_sides_follow_the_centres_and_are_silent_near_the_line() -> None:
    view = View(scene(thing("star", "red", 50, 100), thing("drop", "blue", 74, 110), thing("moon", "red", 60, 200)))
    assert view.holds("left of", 0, 1)
    assert view.holds("right of", 1, 0)
    assert not view.holds("left of", 0, 2)
    assert not view.holds("right of", 2, 0)
    assert view.holds("above", 0, 2)
    assert view.holds("below", 2, 1)
    assert not view.holds("above", 0, 1)
    assert view.natural_relation(0, 2) == "above"
    assert view.natural_relation(1, 0) == "right of"


def test_names_are_short_and_fit_one_thing_only() -> None:
    view = View(
        scene(
            thing("star", "red", 50, 50),
            thing("star", "blue", 150, 50, size="small"),
            thing("star", "blue", 250, 50, size="large"),
            thing("drop", "blue", 250, 150),
        )
    )
    assert [view.name(number) for number in range(4)] == ["red star", "small star", "large star", "drop"]
    assert view.name(0, without="colour") == "medium star"
    assert view.name(3, without="kind") == "medium blue shape"
    twins = View(scene(thing("star", "red", 50, 50), thing("star", "red", 150, 50)))
    assert twins.name(0) is None


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [(40, 40, "top left"), (280, 40, "top right"), (40, 200, "bottom left"), (280, 200, "bottom right"),
     (160, 120, "center"), (160, 40, None), (120, 40, None)],
)  # fmt: skip
def test_region_is_given_only_where_it_is_clear(x: float, y: float, expected: str | None) -> None:
    assert region(thing("star", "red", x, y)) == expected


def test_captions_name_only_what_is_there() -> None:
    for of_world in SCENES:
        clear = [thing for thing in of_world.things if thing.is_clear]
        kinds, colours = {t.kind for t in clear}, {t.colour for t in clear}
        for caption in write_captions(of_world, "image"):
            words = set(caption.removeprefix("a square").replace("squared", "").split())
            assert words & set(KINDS) <= kinds | {"square"}, caption
            assert words & set(COLOURS) <= colours, caption
        heard = {event.sound for event in of_world.soundscape.events}
        for caption in write_captions(of_world, "audio"):
            assert set(caption.split()) & set(SOUNDS) == heard, caption


def test_references_differ_and_the_oracle_is_none_of_them() -> None:
    for of_world in SCENES[:100]:
        for modality in MODALITIES:
            references = reference_captions(of_world, modality)
            assert len(set(references)) == 5
            assert oracle_caption(of_world, modality) not in references
            assert all(caption == caption.lower().strip() and caption.isascii() for caption in references)
