"""Words: forms of grammar, and from `words.json` what relations, sounds, motions and activities are called."""

from collections.abc import Mapping
from importlib import resources
from typing import Final, TypeVar

import msgspec

from curation.sources.world import scene as facts
from curation.sources.world.scene import Motion, Region, Relation

_Table = TypeVar("_Table")
_Choice = tuple[str, ...]  # words of which any will do


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What annotators say.

    Args:
        sounds: Source, verb and participle.
        times: By number of repetitions.
        audio_frames: By number of events; clauses come first, then participles. So for `film_frames`, `imu_frames`.
        other_answers: Other words for an answer.
        chair_synonyms: The kind first; CHAIR's parser takes `cross` for a plural and looks up `cros`.
    """

    relations: dict[Relation, _Choice]
    regions: dict[Region, _Choice]
    motifs: dict[facts.Motif, _Choice]
    noises: dict[facts.Noise, str]
    sounds: dict[facts.Sound, tuple[tuple[str, str, str], ...]]
    loudnesses: dict[facts.Loudness, _Choice]
    times: _Choice
    floors: dict[facts.Floor, _Choice]
    motions: dict[Motion, _Choice]
    activities: dict[facts.Activity, _Choice]
    paces: dict[facts.Pace, _Choice]
    audio_frames: dict[int, _Choice]
    film_frames: dict[int, _Choice]
    imu_frames: dict[int, _Choice]
    other_answers: dict[str, _Choice]
    chair_synonyms: tuple[_Choice, ...]


def read_table(name: str, kind: type[_Table]) -> _Table:
    """A table of this folder, checked."""
    return msgspec.json.decode(resources.files(__package__).joinpath(name).read_bytes(), type=kind)


WORDS: Final = read_table("words.json", Words)
_NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six")
_DOUBLED = ("nod", "run", "hop", "jog")

# What a thing does, as one would ask: does it `grow`?
MOTION_VERBS: Mapping[Motion, str] = {motion: verbs[0] for motion, verbs in WORDS.motions.items()}


def with_article(words: str) -> str:
    """The words after `a` or `an`."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def counted(count: int, noun: str) -> str:
    """`one star`, `two crosses`."""
    return f"{_NUMBER_WORDS[count]} {noun if count == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Plural of a kind or of `shape`."""
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def third_person(verb: str) -> str:
    """`turns left` of `turn left`."""
    first, _, rest = verb.partition(" ")
    return f"{first}{'es' if first.endswith(('o', 'sh')) else 's'} {rest}".strip()


def gerund(verb: str) -> str:
    """`cycling` of `cycle`, `running` of `run`."""
    first, _, rest = verb.partition(" ")
    stem = first + first[-1] if first in _DOUBLED else first.removesuffix("e")
    return f"{stem}ing {rest}".strip()
