"""The offline writer's dialogues with several media: rounds of templates that refer back to what was given before."""

from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

from curation.writers.spoken import fill, spoken, templates
from curation.writers.writer import MosITBrief, Move

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
_Option = TypeVar("_Option", str, list[str])


class Conversation:
    """A dialogue in the making: its brief, its noun for each kind of media, and the templates that it has used."""

    def __init__(self, brief: MosITBrief, choice: Random) -> None:
        self._brief, self._choice = brief, choice
        self._templates: Any = templates("mosit_templates.json")
        kinds = sorted({medium.modality for medium in brief.media})
        self._nouns = {kind: choice.choice(self._templates[kind]["nouns"]) for kind in kinds}
        self._acts = {move.about: move.act for move in brief.moves if move.act != "recall"}
        self._used: list[str | list[str]] = []

    def turns(self) -> list[str]:
        """The words of all turns."""
        rounds = [self._round(number, move) for number, move in enumerate(self._brief.moves)]
        return [text for both in rounds for text in both]

    def _round(self, number: int, move: Move) -> tuple[str, str]:
        if move.act == "recall":
            human, machine = self._pick(self._templates["recall"])
        else:
            words = self._templates[self._brief.media[move.about].modality]
            human = self._pick(words[move.act][move.request])
            machine = self._pick(words["describe" if move.act == "show" else "deliver"])
        given = [move.about for move in self._brief.moves[:number]]
        fields = self._fields(move, given, speaker="human")
        asked = f"{fill(self._lead(number, move), fields)} {fill(human, fields)}"
        return asked, fill(machine, self._fields(move, given, speaker="machine"))

    def _lead(self, number: int, move: Move) -> str:
        """How a human turn begins: with the topic, or with what was there before."""
        kind = "openings" if number == 0 else "links"
        if number > 0 and move.act != "recall" and self._choice.random() < 0.5:
            kind = "links_back"
        options: list[str] = self._templates[kind]
        return self._pick(options)

    def _pick(self, options: Sequence[_Option]) -> _Option:
        """One of the options that the dialogue has not used yet."""
        picked = self._choice.choice([option for option in options if option not in self._used])
        self._used.append(picked)
        return picked

    def _fields(self, move: Move, given: Sequence[int], *, speaker: str) -> dict[str, str]:
        """What templates may name: the medium of the move, and those given before it."""
        media = self._brief.media
        noun = self._nouns[media[move.about].modality]
        named = {"topic": self._brief.topic, "noun": noun, "name": noun.partition(" ")[2]}
        for name, about in (("first", min(given, default=0)), ("last", max(given, default=0)), ("it", move.about)):
            named[name] = self._called(about, given, speaker)
            named[f"{name}_caption"] = spoken(media[about].caption)
        return {**named, "earlier": named["last"], "caption": named["it_caption"]}

    def _called(self, about: int, given: Sequence[int], speaker: str) -> str:
        """A medium as `my picture` or `your second sound`, seen from the speaker among what was given by now."""
        media, acts = self._brief.media, self._acts
        alike = [one for one in given if (media[one].modality, acts[one]) == (media[about].modality, acts[about])]
        owner = "my" if (acts[about] == "show") == (speaker == "human") else "your"
        ordinal = f"{_ORDINALS[alike.index(about)]} " if len(alike) > 1 and about in alike else ""
        return f"{owner} {ordinal}{self._nouns[media[about].modality].partition(' ')[2]}"
