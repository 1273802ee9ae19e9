"""How turns become text and media slots for each language model.

Sources: the published code of the three systems, in own words in `docs/models.md`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from model_adapter.reference.presets import MediumName, TemplateName
from model_adapter.reference.tokens import BEGIN_MEDIUM, END_MEDIUM
from shards.sample import Media, Text, Turn, modality


@dataclass(frozen=True)
class Slot:
    """Where a medium's soft tokens go."""

    medium: MediumName
    part: Media


Segment = str | Slot


@dataclass(frozen=True, kw_only=True)
class Template:
    """Marks around turns.

    Args:
        opening: Before the first turn.
        human: Before a human turn, and after it.
        machine: Before a machine turn, and after it.
        medium: Before a medium, and after it.
        stop: What ends an answer, beside the end token.
    """

    opening: str
    human: tuple[str, str]
    machine: tuple[str, str]
    medium: tuple[str, str]
    stop: tuple[str, ...] = ()


TEMPLATES: Final[dict[TemplateName, Template]] = {
    "vicuna-v0": Template(
        opening="",
        human=("### Human: ", "\n"),
        machine=("### Assistant: ", "\n"),
        medium=(BEGIN_MEDIUM, END_MEDIUM),
        stop=("###",),
    ),
    "vicuna-v1": Template(
        opening="", human=("USER: ", " "), machine=("ASSISTANT: ", "</s>"), medium=("", ""), stop=("</s>",)
    ),
    "llama-2-chat": Template(
        opening="", human=("[INST] ", " [/INST] "), machine=("", " </s>"), medium=("", " "), stop=("</s>",)
    ),
    "minigpt-v2": Template(
        opening="", human=("[INST] ", " [/INST]"), machine=("", "</s>"), medium=("<Img>", "</Img> "), stop=("</s>",)
    ),
}


def dialogue_segments(turns: Sequence[Turn], template: Template) -> list[Segment]:
    """The dialogue as text and slots, ready for the machine's next words; neighbouring texts are joined."""
    joined: list[Segment] = []
    for segment in _segments(turns, template):
        if isinstance(segment, str) and joined and isinstance(joined[-1], str):
            joined[-1] += segment
        elif segment:
            joined.append(segment)
    return joined


def _segments(turns: Sequence[Turn], template: Template) -> Iterator[Segment]:
    yield template.opening
    for turn in turns:
        before, after = template.human if turn.role == "human" else template.machine
        yield before
        for number, part in enumerate(turn.parts):
            if isinstance(part, Text):
                yield part.text if number == 0 or not isinstance(turn.parts[number - 1], Text) else f" {part.text}"
            else:
                yield template.medium[0]
                yield Slot(_medium(part), part)
                yield template.medium[1]
        yield after
    yield template.machine[0]


def _medium(part: Media) -> MediumName:
    name = modality(part)
    if name == "text":
        raise ValueError("a text part is no medium")
    return name
