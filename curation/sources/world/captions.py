"""Captions by grammar: what an annotator could write about a scene's media, in differing words, all true.

No punctuation and no full stop, so that any tokeniser finds the same words.
"""

from collections.abc import Callable, Sequence
from random import Random

from curation.sources.world.relations import View, describe, region, sets_with
from curation.sources.world.scene import Backdrop, Modality, Scene, SoundEvent, Thing
from curation.sources.world.wording import WORDS, counted, gerund, third_person, with_article

CAPTIONS_PER_ITEM = 5

_NOUN_SETS = [(*attributes, "kind") for attributes in sets_with("colour", "size", "pattern")]


def reference_captions(scene: Scene, modality: Modality) -> tuple[str, ...]:
    """The five captions that the official files carry."""
    return scene.captions[modality]


def oracle_caption(scene: Scene, modality: Modality) -> str:
    """A true caption that is none of the five references: what a perfect describer could say."""
    return write_captions(scene, modality)[CAPTIONS_PER_ITEM]


def write_captions(scene: Scene, modality: Modality) -> tuple[str, ...]:
    """Six different captions from the scene's facts: five references, then the oracle's."""
    rng = scene.stream(f"{modality} captions")
    captions: dict[str, None] = {}
    while len(captions) <= CAPTIONS_PER_ITEM:
        captions[_WRITERS[modality](scene, rng)] = None
    return tuple(captions)


def _image_caption(scene: Scene, rng: Random) -> str:
    view = View(scene)
    shown = list(view.clear)
    rng.shuffle(shown)
    frames: list[Callable[[View, Sequence[int], Random], str | None]] = [_alone, _placed, _listed, _related, _related]
    while not (caption := rng.choice(frames)(view, shown, rng)):
        rng.shuffle(shown)
    return caption


def _noun(thing: Thing, rng: Random) -> str:
    """A thing in two to four words; `plain` goes without saying."""
    return with_article(describe(thing, rng.choice(_NOUN_SETS)).replace("plain ", ""))


def _ground(backdrop: Backdrop, rng: Random) -> str:
    words = rng.choice(WORDS.motifs[backdrop.motif]).format(backdrop.tint)
    return words if rng.random() < 0.7 else f"{words} in a {WORDS.noises[backdrop.noise]} picture"


def _alone(view: View, shown: Sequence[int], rng: Random) -> str | None:
    """The only thing of a scene."""
    if len(view.scene.things) > 1:
        return None
    noun, ground = _noun(view.thing(shown[0]), rng), _ground(view.scene.backdrop, rng)
    return rng.choice((f"a single {noun.split(' ', 1)[1]} on {ground}", f"{ground} with nothing but {noun}"))


def _placed(view: View, shown: Sequence[int], rng: Random) -> str:
    """One thing and its part of the picture if that is clear, with the backdrop or one more thing."""
    noun, ground = _noun(view.thing(shown[0]), rng), _ground(view.scene.backdrop, rng)
    place = region(view.thing(shown[0]))
    if place is None:
        return f"{noun} on {ground}"
    where = rng.choice(WORDS.regions[place])
    if len(shown) > 1 and rng.random() < 0.5:
        return f"{noun} {where} and {_noun(view.thing(shown[1]), rng)}"
    return f"{noun} {where} of {ground}"


def _listed(view: View, shown: Sequence[int], rng: Random) -> str | None:
    """How many shapes there are and some of them by name."""
    if len(shown) < 2 or not view.is_complete:
        return None
    named = shown[: rng.choice((2, 3))]
    nouns = " and ".join(_noun(view.thing(number), rng) for number in named)
    if len(named) == len(shown):
        ground = _ground(view.scene.backdrop, rng)
        return rng.choice((f"{nouns} on {ground}", f"{ground} with {nouns}"))
    total = counted(len(shown), "shape")
    return rng.choice((f"{total} including {nouns}", f"{nouns} among {total}"))


def _related(view: View, shown: Sequence[int], rng: Random) -> str | None:
    """Two things and how they stand to each other, perhaps with a third thing or the backdrop."""
    relation = view.natural_relation(*shown[:2]) if len(shown) > 1 else None
    if relation is None:
        return None
    first, second = (_noun(view.thing(number), rng) for number in shown[:2])
    if first == second:
        return None
    endings = ["", f" on {_ground(view.scene.backdrop, rng)}"]
    if len(shown) > 2:
        endings.append(f" and {_noun(view.thing(shown[2]), rng)}")
    return f"{first} {rng.choice(WORDS.relations[relation])} {second}{rng.choice(endings)}"


def _audio_caption(scene: Scene, rng: Random) -> str:
    events = scene.soundscape.events
    clauses = [_event_words(event, rng, is_finite=is_finite) for is_finite in (True, False) for event in events]
    floor = rng.choice(WORDS.floors[scene.soundscape.floor])
    ending = f" {floor}" if rng.random() < 0.5 else ""
    return rng.choice(WORDS.audio_frames[len(events)]).format(*clauses) + ending


def _event_words(event: SoundEvent, rng: Random, *, is_finite: bool) -> str:
    noun, verb, participle = rng.choice(WORDS.sounds[event.sound])
    if event.pitch != "middle" and rng.random() < 0.7:
        noun = f"a {event.pitch} pitched {noun.split(' ')[-1]}"
    loudness = rng.choice(WORDS.loudnesses[event.loudness]) if rng.random() < 0.7 else ""
    times = WORDS.times[event.repetitions] if event.repetitions > 1 or rng.random() < 0.3 else ""
    return " ".join(word for word in (noun, verb if is_finite else participle, loudness, times) if word)


def _video_caption(scene: Scene, rng: Random) -> str:
    """What happens, in order, with the backdrop now and then; a thing that acts twice is named twice."""
    clauses = []
    for event in scene.film.events:
        verb = third_person(rng.choice(WORDS.motions[event.motion]))
        clauses.append(f"{_noun(scene.things[event.thing], rng)} {verb}")
    ending = f" on {_ground(scene.backdrop, rng)}" if rng.random() < 0.4 else ""
    return rng.choice(WORDS.film_frames[len(clauses)]).format(*clauses) + ending


def _imu_caption(scene: Scene, rng: Random) -> str:
    spoken = []
    for span in scene.activities:
        verb, is_paced = rng.choice(WORDS.activities[span.activity]), span.activity != "stand" and rng.random() < 0.8
        spoken.append((verb, rng.choice(WORDS.paces[span.pace]) if is_paced else ""))
    clauses = [f"{form(verb)} {pace}".strip() for form in (third_person, gerund) for verb, pace in spoken]
    return rng.choice(WORDS.imu_frames[len(spoken)]).format(*clauses)


_WRITERS: dict[Modality, Callable[[Scene, Random], str]] = {
    "image": _image_caption, "audio": _audio_caption, "video": _video_caption, "imu": _imu_caption
}  # fmt: skip
