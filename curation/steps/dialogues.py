"""Rules for finished dialogues, each a step of its own: a dialogue that breaks one is dropped under the rule's name.

They look at a sample alone and do not know who wrote it. What was planned stands in `meta`: `combination`, and `media`,
givers and kinds in order, such as "human:image machine:audio". Before words are read for promises and for names of
media, captions are taken out of them: a caption is text, whatever it says.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
import regex  # type: ignore[import-untyped]

from curation.writers.spoken import spoken
from shards.draft import Draft
from shards.sample import Sample, Turn, modality
from shards.work import Drop

MIN_TURNS, MAX_TURNS = 3, 7
"""Questions with their answers, as NExT-GPT (arXiv:2309.05519v3, section 5.2) counts turns: 6 to 14 contributions."""

MAX_WORDS = 600
"""Of a dialogue; NExT-GPT's cleaning of MosIT has 300 for at most four questions and answers."""

_NAMES: Final[Mapping[str, regex.Pattern[str]]] = {
    "image": regex.compile(r"(?i)\b(image|picture|photo\w*|illustration|drawing|painting|draw|looks?|see)\b"),
    "audio": regex.compile(r"(?i)\b(audio|sounds?|recording|listen\w*|hear\w*|noise|music)\b"),
    "video": regex.compile(r"(?i)\b(video|films?|footage|clip|watch\w*|motion|see)\b"),
}
_PROMISE = regex.compile(
    r"(?i)\b(here (is|are)|here you are|here's|i made|perhaps this|this \w+ (should|follows)|attached|below)\b"
)
_HIDDEN = regex.compile(r"[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Bidi_Control}]")
_MARKUP = regex.compile(r"<\s*[/!]?\s*[a-zA-Z][^<>]*>|&#?\w+;|<\|.*?\|>|\[/?INST\]|<</?SYS>>|#{3}")
_ADDRESS = regex.compile(r"(?i)\b(https?|ftp)://|\bwww\.|\b[\w.+-]+@[\w-]+\.\w+")
_FILE = regex.compile(r"(?i)[\w-]+\.(jpe?g|png|gif|webp|wav|flac|mp3|ogg|mp4|m4a|webm|mkv|npy)\b")
_LONG_ID = regex.compile(r"(?=.*\d).{6,}")


class Rule(msgspec.Struct, frozen=True):
    """What makes a sample unfit: `fault` says it in words, or None; a new `version` whenever it judges differently."""

    version: int
    fault: Callable[[Sample], str | None]


class Check(msgspec.Struct, frozen=True):
    """Drop the samples that break one of `RULES`."""

    rule: str

    @property
    def name(self) -> str:
        return f"check_{self.rule}"

    @property
    def version(self) -> int:
        return RULES[self.rule].version

    def __call__(self, draft: Draft) -> Draft | Drop:
        fault = RULES[self.rule].fault(draft.sample)
        return draft if fault is None else Drop(self.rule, fault)


def _roles(sample: Sample) -> str | None:
    roles = [turn.role for turn in sample.turns]
    is_orderly = roles == ["human", "machine"] * (len(roles) // 2) and roles
    return None if is_orderly else f"human and machine do not take turns: {', '.join(roles)}"


def _turn_count(sample: Sample) -> str | None:
    n_turns = sum(turn.role == "human" for turn in sample.turns)
    return None if MIN_TURNS <= n_turns <= MAX_TURNS else f"{n_turns} turns, not {MIN_TURNS} to {MAX_TURNS}"


def _empty_caption(sample: Sample) -> str | None:
    return next((f"{part.member} has no caption" for part in sample.media() if not (part.caption or "").strip()), None)


def _is_repeated(turn: Turn, sample: Sample) -> bool:
    return sum(other.text.casefold() == turn.text.casefold() for other in sample.turns) > 1


def _repeated_medium(sample: Sample) -> str | None:
    hashes = [part.sha256 for part in sample.media()]
    return None if len(set(hashes)) == len(hashes) else f"{len(hashes)} media, {len(set(hashes))} different ones"


def _given(sample: Sample) -> str:
    """Who gives which kinds of media, in order: "human:image machine:audio"."""
    return " ".join(f"{turn.role}:{modality(part)}" for turn in sample.turns for part in turn.media())


def _wrong_side(sample: Sample) -> str | None:
    planned = sample.meta.get("media")
    return None if _given(sample) == planned else f"planned {planned}, found {_given(sample)}"


def _one_sided(sample: Sample) -> str | None:
    givers = {turn.role for turn in sample.turns if turn.media()}
    return None if givers == {"human", "machine"} else f"media come from {', '.join(givers) or 'nobody'} alone"


def _wrong_combination(sample: Sample) -> str | None:
    planned = sample.meta.get("combination")
    return None if sample.signature() == planned else f"planned {planned}, found {sample.signature()}"


def _is_empty_promise(turn: Turn, sample: Sample) -> bool:
    return turn.role == "machine" and not turn.media() and _PROMISE.search(_own_words(turn, sample)) is not None


def _is_without_mention(turn: Turn, sample: Sample) -> bool:
    return any(modality(part) not in _named(turn, sample) for part in turn.media())


def _request_mismatch(sample: Sample) -> str | None:
    """A reply may carry only what its request named, if that named anything; pronouns and hints name nothing."""
    for number, (request, reply) in enumerate(zip(sample.turns[:-1], sample.turns[1:], strict=True)):
        named = _named(request, sample)
        kinds = {modality(part) for part in reply.media()}
        if request.role == "human" and named and not kinds <= named:
            return f"turn {number} names {', '.join(sorted(named))}, the reply gives {', '.join(sorted(kinds))}"
    return None


def _too_long(sample: Sample) -> str | None:
    n_words = sum(len(turn.text.split()) for turn in sample.turns)
    return None if n_words <= MAX_WORDS else f"{n_words} words, at most {MAX_WORDS}"


def _other_script(sample: Sample) -> str | None:
    text = "".join(turn.text for turn in sample.turns)
    n_letters, n_latin = len(regex.findall(r"\p{L}", text)), len(regex.findall(r"[\p{L}&&\p{Latin}]", text, regex.V1))
    return None if 2 * n_latin >= n_letters > 0 else f"{n_latin} of {n_letters} letters are Latin"


def _leaks_names(turn: Turn, sample: Sample) -> bool:
    names = {name for part in sample.media() for name in (part.member, part.sha256, part.provenance.id or "")}
    return _FILE.search(turn.text) is not None or any(_LONG_ID.fullmatch(name) and name in turn.text for name in names)


def _no_turn(is_faulty: Callable[[Turn, Sample], bool], fault: str) -> Callable[[Sample], str | None]:
    """The fault of a sample with a faulty turn; `fault` says what the first of them is or does."""

    def found(sample: Sample) -> str | None:
        faulty = (number for number, turn in enumerate(sample.turns) if is_faulty(turn, sample))
        return next((f"turn {number} {fault}" for number in faulty), None)

    return found


def _without(pattern: regex.Pattern[str], what: str) -> Callable[[Sample], str | None]:
    return _no_turn(lambda turn, _: pattern.search(turn.text) is not None, f"holds {what}")


RULES: Final[Mapping[str, Rule]] = {
    "roles": Rule(1, _roles),
    "turn_count": Rule(1, _turn_count),
    "empty_text": Rule(1, _no_turn(lambda turn, _: not turn.text.strip(), "has no words")),
    "empty_caption": Rule(1, _empty_caption),
    "repeated_turn": Rule(1, _no_turn(_is_repeated, "is said twice")),
    "repeated_medium": Rule(1, _repeated_medium),
    "wrong_side": Rule(1, _wrong_side),
    "one_sided": Rule(1, _one_sided),
    "wrong_combination": Rule(1, _wrong_combination),
    "promise_without_medium": Rule(1, _no_turn(_is_empty_promise, "promises a medium that is not there")),
    "medium_without_mention": Rule(1, _no_turn(_is_without_mention, "gives a medium that its words do not name")),
    "request_mismatch": Rule(1, _request_mismatch),
    "hidden_characters": Rule(1, _without(_HIDDEN, "control or direction characters")),
    "markup": Rule(1, _without(_MARKUP, "markup")),
    "address": Rule(1, _without(_ADDRESS, "a web or mail address")),
    "other_script": Rule(1, _other_script),
    "name_leak": Rule(1, _no_turn(_leaks_names, "holds the name of a file or a record")),
    "too_long": Rule(1, _too_long),
}
"""Every rule, in the order in which MosIT holds them."""


def _named(turn: Turn, sample: Sample) -> set[str]:
    """The kinds of media that a turn's own words name."""
    words = _own_words(turn, sample)
    return {kind for kind, names in _NAMES.items() if names.search(words)}


def _own_words(turn: Turn, sample: Sample) -> str:
    """A turn's words without the captions in it."""
    text = turn.text
    for caption in sorted({spoken(part.caption or "") for part in sample.media()} - {""}, key=len, reverse=True):
        text = text.replace(caption, "")
    return text
