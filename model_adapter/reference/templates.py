"""How turns become text and media slots for each language model, and the tokens that are added to its vocabulary.

Sources: the published code of the three systems, in own words in `docs/models.md`. The added tokens are those of
NExT-GPT (Wu et al. 2024, arXiv:2309.05519); order and spelling are those of the released weights, where `<Img>` is
32000 and the signal tokens of image, video and audio follow. The paper prints runs of 5, 25 and 9 tokens; its own
counts, and both published codes, have 4, 24 and 8.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

from model_adapter.reference.presets import MediumName, OutputName, Preset, TemplateName
from shards.sample import Media, Text, Turn, modality

BEGIN_MEDIUM: Final = "<Img>"
END_MEDIUM: Final = "</Img>"
"""Around every medium that is shown, films and sounds too, where the template has them as tokens of their own."""

_PREFIXES: Final[dict[OutputName, str]] = {"image": "IMG", "video": "VID", "audio": "AUD"}


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
        human: Before a human turn, and after it.
        machine: Before a machine turn, and after it.
        medium: Before a medium, and after it.
        stop: What ends an answer, beside the end token.
    """

    human: tuple[str, str]
    machine: tuple[str, str]
    medium: tuple[str, str]
    stop: tuple[str, ...] = ("</s>",)


TEMPLATES: Final[dict[TemplateName, Template]] = {
    "vicuna-v0": Template(
        human=("### Human: ", "\n"), machine=("### Assistant: ", "\n"), medium=(BEGIN_MEDIUM, END_MEDIUM), stop=("###",)
    ),
    "vicuna-v1": Template(human=("USER: ", " "), machine=("ASSISTANT: ", "</s>"), medium=("", "")),
    "llama-2-chat": Template(human=("[INST] ", " [/INST] "), machine=("", " </s>"), medium=("", " ")),
    "minigpt-v2": Template(human=("[INST] ", " [/INST]"), machine=("", "</s>"), medium=("<Img>", "</Img> ")),
}


def signal_tokens(preset: Preset, output: OutputName) -> tuple[str, ...]:
    """The run of tokens by which the model asks for a medium, such as `[IMG0]` to `[IMG3]`."""
    return tuple(f"[{_PREFIXES[output]}{number}]" for number in range(preset.outputs[output].n_signals))


def added_tokens(preset: Preset) -> tuple[str, ...]:
    """All tokens that the preset adds, in the order of their ids; none where it makes no media."""
    if not preset.outputs:
        return ()
    signals = (signal_tokens(preset, output) for output in _PREFIXES if output in preset.outputs)
    return (BEGIN_MEDIUM, END_MEDIUM, *(token for run in signals for token in run))


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
    for turn in turns:
        opening, closing = template.human if turn.role == "human" else template.machine
        yield opening
        for number, part in enumerate(turn.parts):
            if isinstance(part, Text):
                yield part.text if number == 0 or not isinstance(turn.parts[number - 1], Text) else f" {part.text}"
            else:
                before, after = template.medium
                yield from (before, Slot(cast(MediumName, modality(part)), part), after)
        yield closing
    yield template.machine[0]
