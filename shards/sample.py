"""The one noun that holds the suite together: a sample of interleaved text and media.

A `Sample` serves training pairs, dialogues and benchmark items alike. It holds no media bytes: a media part names the
tar member that holds them, and their sha256. `shards.codec` writes samples as JSON and reads them back.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, get_args

import msgspec

SAMPLE_SCHEMA: Final = "anymodal.sample/1"

Kind = Literal["t2m", "mosit", "mm_it", "vqa", "caption", "refer", "choice", "generation"]
Role = Literal["human", "machine"]
Modality = Literal["text", "image", "audio", "video", "imu"]
Scalar = str | int | float | bool | None


class Provenance(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Where media comes from: found (source, id, url, licence) or made (generator, revision, seed, prompt)."""

    source: str | None = None
    id: str | None = None
    url: str | None = None
    licence: str | None = None
    generator: str | None = None
    revision: str | None = None
    seed: int | None = None
    prompt: str | None = None


class Text(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="text"):
    """Words of a turn."""

    text: str


class Image(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="image", kw_only=True):
    """A still picture, width x height in pixels as stored (no rotation by metadata applied)."""

    member: str
    sha256: str
    width: int
    height: int
    caption: str | None = None
    provenance: Provenance = Provenance()


class Audio(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="audio", kw_only=True):
    """A sound; duration in seconds, rate in samples per second and channel."""

    member: str
    sha256: str
    duration_s: float
    sample_rate_hz: int
    channels: int
    caption: str | None = None
    provenance: Provenance = Provenance()


class Video(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="video", kw_only=True):
    """A film; `fps` is the mean frame rate its container states."""

    member: str
    sha256: str
    width: int
    height: int
    duration_s: float
    fps: float
    has_audio: bool
    caption: str | None = None
    provenance: Provenance = Provenance()


class Imu(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="imu", kw_only=True):
    """Motion sensor readings, stored as `.npy` [time, axes]; `units` holds one unit per axis."""

    member: str
    sha256: str
    duration_s: float
    rate_hz: float
    axes: tuple[str, ...]
    units: tuple[str, ...]
    caption: str | None = None
    provenance: Provenance = Provenance()


Media = Image | Audio | Video | Imu
Part = Text | Image | Audio | Video | Imu


class Turn(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One speaker's contribution, parts in the order in which they are shown."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The turn's words, parts joined by a blank."""
        return " ".join(part.text for part in self.parts if isinstance(part, Text))

    def media(self) -> list[Media]:
        """The turn's media parts, in order."""
        return [part for part in self.parts if not isinstance(part, Text)]


class HumanAnswer(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One annotator's answer, as VQA records it."""

    answer: str
    answer_confidence: str
    answer_id: int


class Answers(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="answers"):
    """Truth of an open question: what annotators said, and the official grouping of the question."""

    answers: tuple[HumanAnswer, ...]
    question_type: str
    answer_type: str


class References(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="references"):
    """Truth of a captioning item: texts of equal standing."""

    texts: tuple[str, ...]


class Boxes(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="boxes"):
    """Truth of a grounding item: corners (x1, y1, x2, y2) in pixels, origin at the top left."""

    boxes_xyxy_px: tuple[tuple[float, float, float, float], ...]


class Choices(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="choices"):
    """Truth of a multiple-choice item; `correct` counts from 0."""

    options: tuple[str, ...]
    correct: int


class Label(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="label"):
    """Truth of a classification item."""

    label: str


Truth = Answers | References | Boxes | Choices | Label


class Sample(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """A training pair, a dialogue or a benchmark item.

    Args:
        key: `[a-z0-9_-]+`, unique within a set; the stem of the sample's tar members.
        kind: What the sample is for.
        turns: The dialogue; a benchmark item has one human turn.
        truth: What a scorer compares with; models never see it.
        meta: Scalars by name, for filtering and bookkeeping.
    """

    key: str
    kind: Kind
    turns: tuple[Turn, ...]
    truth: Truth | None = None
    meta: Mapping[str, Scalar] = {}

    def media(self) -> Iterator[Media]:
        """The media parts of all turns, in order."""
        for turn in self.turns:
            yield from turn.media()

    def signature(self) -> str:
        """The kinds of media that the sample holds, such as "audio+image"; "text" if none."""
        return signature_of(self.media())


_MODALITIES: Final[Mapping[type[Part], Modality]] = {kind: kind.__struct_config__.tag for kind in get_args(Part)}


def modality(part: Part) -> Modality:
    """The part's modality, as its JSON tag names it."""
    return _MODALITIES[type(part)]


def signature_of(media: Iterable[Media]) -> str:
    """The kinds of these media; see `Sample.signature`."""
    return "+".join(sorted({_MODALITIES[type(part)] for part in media})) or "text"
