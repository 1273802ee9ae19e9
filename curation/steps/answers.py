"""Are answers true? Checked against the facts of a scene where there is one, else against the caption."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from curation.sources.pair import PairModality
from curation.sources.world import Scene, questions_of, reference_captions
from curation.writers.spoken import content_words, spoken
from curation.writers.writer import Fact
from shards.draft import Draft
from shards.work import Drop

_FRAME: Final = re.compile(
    r"about|began|does|fits|guess|hear|here|holds|like|miss|picture|read|recording|sensor|since|speaks|today|video|wait"
)
"""Words of four letters and more that claim nothing about a medium."""

_QUOTED = re.compile(r'"([^"]*)"')


class Answered(msgspec.Struct, frozen=True):
    """A draft of one request and one reply, and what the reply must agree with.

    Args:
        draft: One medium, one human turn, one machine turn.
        facts: What was asked, with the answers that the writer was told.
        scene: All facts; None if only the caption is known.
    """

    draft: Draft
    modality: PairModality
    facts: Sequence[Fact] = ()
    scene: Scene | None = None


class CheckAnswer(msgspec.Struct, frozen=True):
    """Drop the answers that contradict the scene's facts, or say what the caption does not.

    Of a scene, answers are worked out anew and captions compared with its own; whatever the writer was told is not
    believed. An answer to facts is short, or names both answers in quotes and says whether they agree or differ.
    """

    name: str = "check_answer"
    version: int = 1

    def __call__(self, answered: Answered) -> Draft | Drop:
        human, machine = answered.draft.sample.turns
        (medium,) = answered.draft.sample.media()
        caption = medium.caption or ""
        if answered.scene is not None and (fault := _against(answered.scene, answered, caption)):
            return Drop("answer_contradicts_facts", fault)
        if not answered.facts and (fault := _beyond(caption, human.text, machine.text)):
            return Drop("answer_beyond_caption", fault)
        return answered.draft


def _against(scene: Scene, answered: Answered, caption: str) -> str:
    """Where the answer departs from the scene; "" if nowhere."""
    request, reply = (turn.text for turn in answered.draft.sample.turns)
    truths = {one.text: one.answer for one in questions_of(scene) if one.modality == answered.modality}
    strange = [fact.question for fact in answered.facts if fact.question not in truths or fact.question not in request]
    if strange:
        return f"not asked, or no question of the scene: {strange[0]}"
    true = [truths[fact.question] for fact in answered.facts]
    if not true:
        return "" if caption in reference_captions(scene, answered.modality) else f"none of its captions: {caption}"
    is_right = reply.casefold() == true[0]
    if len(true) > 1:
        says = [word for word in ("differ", "agree") if word in reply]
        is_right = _QUOTED.findall(reply) == true and says == ["differ" if len(set(true)) > 1 else "agree"]
    return "" if is_right else f"true is {' and '.join(true)}, not {reply}"


def _beyond(caption: str, request: str, reply: str) -> str:
    """What the reply, or a quoted word of the request that it grants, says beyond the caption; "" if nothing."""
    text = spoken(caption)
    if "___" in request:
        is_right = request.replace("___", reply).casefold().find(text.casefold()) >= 0
        return "" if is_right else f"{reply} does not fill the gap"
    granted = [quoted for quoted in _QUOTED.findall(request) if quoted.casefold() not in text.casefold()]
    added = sorted(set(content_words(reply)) - set(content_words(text)))
    return ", ".join([*granted, *(word for word in added if not _FRAME.fullmatch(word))])
