"""Captions by grammar: what an annotator could write about a scene's picture or clip, in differing words, all true.

No punctuation and no full stop, so that any tokeniser finds the same words.
"""

from collections.abc import Callable, Sequence
from random import Random

from curation.sources.world.relations import Attribute, Region, Relation, View, describe, region
from curation.sources.world.scene import (
    Backdrop,
    Modality,
    Motif,
    Noise,
    Scene,
    Sound,
    SoundEvent,
    Thing,
    random_stream,
)

CAPTIONS_PER_ITEM = 5
NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six")

_RELATION_WORDS: dict[Relation, tuple[str, ...]] = {
    "left of": ("to the left of", "left of"),
    "right of": ("to the right of", "right of"),
    "above": ("above", "higher than"),
    "below": ("below", "underneath"),
    "inside": ("inside", "within"),
    "in front of": ("in front of", "partly covering"),
    "behind": ("behind", "partly hidden by"),
}
_REGION_WORDS: dict[Region, tuple[str, ...]] = {
    "top left": ("in the top left", "in the upper left corner"),
    "top right": ("in the top right", "in the upper right corner"),
    "bottom left": ("in the bottom left", "in the lower left corner"),
    "bottom right": ("in the bottom right", "in the lower right corner"),
    "center": ("in the middle", "at the center"),
}
_MOTIF_WORDS: dict[Motif, tuple[str, ...]] = {
    "plain": ("a plain {} background", "empty {} paper"),
    "grid": ("a {} grid", "squared {} paper"),
    "waves": ("{} waves", "a wavy {} background"),
    "hills": ("{} hills", "a hilly {} landscape"),
    "bricks": ("a {} brick wall", "{} bricks"),
    "rays": ("{} sun rays", "a {} sunburst"),
}
_NOISE_WORDS: dict[Noise, str] = {"none": "clean", "light": "slightly grainy", "strong": "grainy"}
_SOUND_WORDS: dict[Sound, tuple[tuple[str, str, str], ...]] = {
    "bell": (("a bell", "rings", "ringing"), ("a bell", "chimes", "chiming")),
    "drum": (("a drum", "beats", "beating"), ("a drum", "thumps", "thumping")),
    "whistle": (("a whistle", "blows", "blowing"), ("a whistle", "shrills", "shrilling")),
    "siren": (("a siren", "wails", "wailing"), ("a siren", "howls", "howling")),
    "clock": (("a clock", "ticks", "ticking"), ("a clock", "clicks", "clicking")),
    "buzzer": (("a buzzer", "buzzes", "buzzing"), ("a buzzer", "sounds", "sounding")),
    "water": (("water", "splashes", "splashing"), ("water", "gurgles", "gurgling")),
    "engine": (("an engine", "hums", "humming"), ("an engine", "rumbles", "rumbling")),
    "bird": (("a bird", "chirps", "chirping"), ("a bird", "tweets", "tweeting")),
    "horn": (("a horn", "honks", "honking"), ("a horn", "toots", "tooting")),
    "frog": (("a frog", "croaks", "croaking"), ("a frog", "ribbits", "ribbiting")),
    "guitar": (("a guitar", "is plucked", "being plucked"), ("a guitar", "twangs", "twanging")),
}
_LOUDNESS_WORDS = {"soft": ("softly", "quietly", "faintly"), "normal": ("",), "loud": ("loudly", "noisily")}
_TIMES_WORDS = ("", "once", "twice", "three times", "four times")
_FLOOR_WORDS = {
    "silence": ("in a quiet room", "in silence"),
    "hiss": ("over a faint hiss", "while static hisses"),
    "wind": ("while wind blows", "over rushing wind"),
    "rain": ("as rain falls", "in pattering rain"),
}


def reference_captions(scene: Scene, modality: Modality) -> tuple[str, ...]:
    """The five captions that the official files carry."""
    return scene.image_captions if modality == "image" else scene.audio_captions


def oracle_caption(scene: Scene, modality: Modality) -> str:
    """A true caption that is none of the five references: what a perfect describer could say."""
    return write_captions(scene, modality)[CAPTIONS_PER_ITEM]


def write_captions(scene: Scene, modality: Modality) -> tuple[str, ...]:
    """Six different captions from the scene's facts: five references, then the oracle's."""
    write = _image_caption if modality == "image" else _audio_caption
    rng = random_stream(scene.seed, scene.number, "image captions" if modality == "image" else "audio captions")
    captions: list[str] = []
    while len(captions) <= CAPTIONS_PER_ITEM:
        caption = write(scene, rng)
        if caption not in captions:
            captions.append(caption)
    return tuple(captions)


def with_article(words: str) -> str:
    """The words after `a` or `an`."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def counted(count: int, noun: str) -> str:
    """`one star`, `two crosses`."""
    return f"{NUMBER_WORDS[count]} {noun if count == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Plural of a kind or of `shape`."""
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def _image_caption(scene: Scene, rng: Random) -> str:
    view = View(scene)
    shown = list(view.clear)
    rng.shuffle(shown)
    frames: list[Callable[[View, Sequence[int], Random], str | None]] = [_alone, _placed, _listed, _related, _related]
    while True:
        caption = rng.choice(frames)(view, shown, rng)
        if caption is not None:
            return caption
        rng.shuffle(shown)


def _noun(thing: Thing, rng: Random) -> str:
    """A thing in two to four words; `plain` goes without saying."""
    sets: tuple[tuple[Attribute, ...], ...] = (
        ("colour", "kind"),
        ("size", "colour", "kind"),
        ("pattern", "colour", "kind"),
        ("size", "pattern", "colour", "kind"),
    )
    return with_article(describe(thing, rng.choice(sets)).replace("plain ", ""))


def _ground(backdrop: Backdrop, rng: Random) -> str:
    words = rng.choice(_MOTIF_WORDS[backdrop.motif]).format(backdrop.tint)
    return words if rng.random() < 0.7 else f"{words} in a {_NOISE_WORDS[backdrop.noise]} picture"


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
    where = rng.choice(_REGION_WORDS[place])
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
    return f"{first} {rng.choice(_RELATION_WORDS[relation])} {second}{rng.choice(endings)}"


def _audio_caption(scene: Scene, rng: Random) -> str:
    events = scene.soundscape.events
    finite = [_event_words(event, rng, is_finite=True) for event in events]
    gerund = [_event_words(event, rng, is_finite=False) for event in events]
    floor = rng.choice(_FLOOR_WORDS[scene.soundscape.floor])
    ending = f" {floor}" if rng.random() < 0.5 else ""
    if len(events) == 1:
        return rng.choice((f"{finite[0]}{ending}", f"{gerund[0]}{ending}", f"the sound of {gerund[0]}{ending}"))
    if len(events) == 2:
        return rng.choice(
            (
                f"{finite[0]} and then {finite[1]}{ending}",
                f"{gerund[0]} followed by {gerund[1]}{ending}",
                f"{gerund[0]} before {gerund[1]}{ending}",
                f"{finite[1]} after {finite[0]}{ending}",
            )
        )
    return rng.choice(
        (
            f"{finite[0]} then {finite[1]} and finally {finite[2]}{ending}",
            f"{gerund[0]} followed by {gerund[1]} and {gerund[2]}{ending}",
            f"first {finite[0]} next {finite[1]} and last {finite[2]}{ending}",
            f"{finite[2]} after {gerund[0]} and {gerund[1]}{ending}",
        )
    )


def _event_words(event: SoundEvent, rng: Random, *, is_finite: bool) -> str:
    noun, verb, participle = rng.choice(_SOUND_WORDS[event.sound])
    if event.pitch != "middle" and rng.random() < 0.7:
        noun = f"a {event.pitch} pitched {noun.split(' ')[-1]}"
    words = [noun, verb if is_finite else participle]
    if rng.random() < 0.7:
        words.append(rng.choice(_LOUDNESS_WORDS[event.loudness]))
    if event.repetitions > 1 or rng.random() < 0.3:
        words.append(_TIMES_WORDS[event.repetitions])
    return " ".join(word for word in words if word)
