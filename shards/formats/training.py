"""Training records of LLaVA and of NExT-GPT (its tuning files, data/DATA_README.md), to and from samples.

Both are dialogues in which a placeholder stands for each medium. LLaVA shows at most one image, to the person's side.
NExT-GPT lists what the person shows as `input_*`; of what the machine shows it keeps captions and the names of the
captions' embeddings, which are the media's file names with `.npy` behind them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from shards.errors import SampleError
from shards.formats.errors import AnnotationError
from shards.formats.records import read_document
from shards.keys import make_key
from shards.sample import Kind, Media, Part, Role, Sample, Text, Turn, modality

TrainingFormat = Literal["llava", "nextgpt"]
Names = str | list[str] | None
Fields = dict[str, Any]

_SPEAKERS: Final[Mapping[Role, str]] = {"human": "human", "machine": "gpt"}
_JOINTS: Final[Mapping[Role, str]] = {"human": "\n", "machine": " "}
_PLACEHOLDER: Final = re.compile(r"[\n ]?<(image|video|audio)>[\n ]?")


class Utterance(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One turn; the modalities and the caption stand in T2M's records alone."""

    speaker: Literal["human", "gpt"] = msgspec.field(name="from")
    value: str
    input_modality: str | None = None
    caption: str | None = None
    output_modality: str | None = None


class TrainingRecord(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A record of either format: LLaVA has `id` and `image`, NExT-GPT the fields by modality."""

    id: str | int | None = None
    image: str | None = None
    input_image: Names = None
    input_video: Names = None
    input_audio: Names = None
    output_image: str | None = None
    output_video: str | None = None
    output_audio: str | None = None
    image_captions: Names = None
    video_captions: Names = None
    audio_captions: Names = None
    image_caption_embeddings: Names = None
    video_caption_embeddings: Names = None
    audio_caption_embeddings: Names = None
    conversations: list[Utterance]


def read_training(path: Path) -> list[TrainingRecord]:
    """The records of a file; `AnnotationError` if the format is broken."""
    what = 'training records [{"conversations": [{"from", "value"}, …], …}, …]'
    return read_document(path, list[TrainingRecord], what=what, error=AnnotationError)


def training_record(sample: Sample, form: TrainingFormat) -> TrainingRecord:
    """The sample in one of the formats; a medium's file is called like its member.

    Raises:
        SampleError: If the format has no place for what the sample holds; `found` says what.
    """
    problem = _misfit(sample, form)
    if problem:
        raise SampleError(f"sample {sample.key}", expected=f"what {form} has a place for", found=problem)
    shown = {role: [part for turn in sample.turns if turn.role == role for part in turn.media()] for role in _SPEAKERS}
    if form == "llava":
        fields: Fields = {"id": sample.key, "image": next((part.member for part in shown["human"]), None)}
    else:
        fields = _nextgpt_fields(sample.kind, shown, is_pair=len(sample.turns) == 2)
    return msgspec.convert({**fields, "conversations": _conversations(sample)}, TrainingRecord)


def training_file(sample: Sample, form: TrainingFormat) -> str:
    """The file that a sample's record belongs into; NExT-GPT has one for each task and modality."""
    if form == "llava":
        return "llava.json"
    if sample.kind == "mosit":
        return "mosit_instruction_tuning.json"
    task = {"t2m": "t2x_instruction_tuning", "generation": "generation", "caption": "comprehension"}
    return f"{sample.signature()}_{task.get(sample.kind, 'instruction_tuning')}.json"


def training_sample(
    record: TrainingRecord, identifier: str, *, source: str, kind: Kind, media: Callable[[str, str], Media]
) -> Sample:
    """The sample that a record describes.

    Args:
        record: Of either format.
        identifier: Names the record within `source`; NExT-GPT's have no id.
        source: The collection.
        kind: What the sample is for.
        media: Makes the part for a modality and a file name.

    Raises:
        AnnotationError: If placeholders and files differ in number.
    """
    waiting = {role: _file_names(record, role) for role in _SPEAKERS}
    turns = tuple(_turn(one, waiting, media, place=f"{source} {identifier}") for one in record.conversations)
    unused = [name for names in waiting.values() for group in names.values() for name in group]
    if unused:
        raise AnnotationError(f"{source} {identifier}", expected="a placeholder for each file", found=unused[0])
    return Sample(key=make_key(source, identifier), kind=kind, turns=turns, meta={"id": identifier})


def _misfit(sample: Sample, form: TrainingFormat) -> str:
    """Why the sample has no place in the format; empty if it has one."""
    roles = [turn.role for turn in sample.turns]
    if not roles or roles != ["human", "machine"] * (len(roles) // 2):
        return "turns that do not alternate, from the human's first to the machine's last"
    kinds = [(turn.role, modality(part)) for turn in sample.turns for part in turn.media()]
    if any(kind == "imu" for _, kind in kinds):
        return "an IMU window"
    if sample.kind == "t2m" and not kinds:
        return "T2M without a medium"
    if any(_PLACEHOLDER.search(turn.text) for turn in sample.turns):
        return "a placeholder within the text"
    if form == "llava" and (len(kinds) > 1 or any(one != ("human", "image") for one in kinds)):
        return "media other than one image from the human"
    if any(part.caption is None for turn in sample.turns if turn.role == "machine" for part in turn.media()):
        return "a medium without a caption in an answer"
    return ""


def _nextgpt_fields(kind: Kind, shown: Mapping[Role, Sequence[Media]], *, is_pair: bool) -> Fields:
    fields: Fields = {}
    for part in shown["human"]:
        fields.setdefault(f"input_{modality(part)}", []).append(part.member)
    for part in shown["machine"]:
        name = modality(part)
        fields.setdefault(f"{name}_captions", []).append(part.caption)
        fields.setdefault(f"{name}_caption_embeddings", []).append(f"{part.member}.npy")
    if not is_pair or kind not in ("caption", "generation"):
        return fields
    fields = {name: values[0] if len(values) == 1 else values for name, values in fields.items()}
    return fields | {f"output_{modality(part)}": part.member for part in shown["machine"][:1]}


def _conversations(sample: Sample) -> list[Fields]:
    said = []
    for turn in sample.turns:
        words = [part.text if isinstance(part, Text) else f"<{modality(part)}>" for part in turn.parts]
        said.append({"from": _SPEAKERS[turn.role], "value": _JOINTS[turn.role].join(words)})
    if sample.kind == "t2m":
        made = next(sample.media())
        said[0] |= {"input_modality": "text"}
        said[-1] |= {"caption": made.caption or "", "output_modality": modality(made)}
    return said


def _file_names(record: TrainingRecord, role: Role) -> dict[str, list[str]]:
    """The files that one side shows, by modality, in order."""
    names: dict[str, list[str]] = {}
    for name in ("image", "video", "audio"):
        given = getattr(record, f"input_{name}") if role == "human" else getattr(record, f"{name}_caption_embeddings")
        listed = [given] if isinstance(given, str) else list(given or [])
        names[name] = [one.removesuffix(".npy") if role == "machine" else one for one in listed]
    if role == "human" and record.image is not None:
        names["image"].append(record.image)
    return names


def _turn(
    said: Utterance, waiting: Mapping[Role, dict[str, list[str]]], media: Callable[[str, str], Media], *, place: str
) -> Turn:
    role: Role = "human" if said.speaker == "human" else "machine"

    def parts() -> Iterator[Part]:
        pieces = _PLACEHOLDER.split(said.value)
        for number, piece in enumerate(pieces):
            if number % 2 == 0:
                yield from [Text(piece)] if piece else []
            elif not waiting[role][piece]:
                raise AnnotationError(place, expected=f"a file for each <{piece}>", found="one too few")
            else:
                yield media(piece, waiting[role][piece].pop(0))

    return Turn(role, tuple(parts()))
