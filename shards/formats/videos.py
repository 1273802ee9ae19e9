"""The official files of MSR-VTT (films with captions), MSRVTT-QA (questions about them) and Ego4D (narrations)."""

import re
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Final, Literal

import msgspec

from shards.formats.errors import AnnotationError
from shards.formats.records import read_document

MsrvttSplit = Literal["train", "validate", "test"]


class _Video(msgspec.Struct, gc=False):
    video_id: str
    split: MsrvttSplit


class _Sentence(msgspec.Struct, gc=False):
    video_id: str
    caption: str


class _Info(msgspec.Struct, gc=False):
    videos: list[_Video]
    sentences: list[_Sentence]


class VideoQuestion(msgspec.Struct, frozen=True, gc=False):
    """A line of MSRVTT-QA; the answer is one word."""

    id: int
    video_id: int
    question: str
    answer: str


class Narration(msgspec.Struct, frozen=True, gc=False):
    """What one annotator of Ego4D saw happen at a time of a recording."""

    timestamp_sec: float
    narration_text: str

    @property
    def sentence(self) -> str:
        """The text without tags: "#C C" is the wearer of the camera, "#O" and "#unsure" say nothing more."""
        return " ".join(_TAG.sub("", _WEARER.sub("the camera wearer", self.narration_text)).split())


class _Pass(msgspec.Struct, gc=False):
    narrations: list[Narration] = []


class _Recording(msgspec.Struct, gc=False):
    narration_pass_1: _Pass = msgspec.field(default_factory=_Pass)
    narration_pass_2: _Pass = msgspec.field(default_factory=_Pass)


_WEARER: Final = re.compile(r"#C\s+C\b")
_TAG: Final = re.compile(r"#\w+")
_TIME: Final = attrgetter("timestamp_sec")
_NARRATIONS: Final = (
    'Ego4D narrations {"<video_uid>": {"narration_pass_1": {"narrations": […]}, "narration_pass_2": …}}'
)
_INFO: Final = 'an MSR-VTT file {"videos": [{"video_id", "split"}, …], "sentences": [{"video_id", "caption"}, …]}'
_QUESTIONS: Final = 'an MSRVTT-QA file [{"id", "video_id", "question", "answer"}, …]'


def read_msrvtt(path: Path, *, split: MsrvttSplit) -> Mapping[str, tuple[str, ...]]:
    """Captions of a split's videos by video id, in the file's order; videos without a caption are left out.

    Raises:
        AnnotationError: If the file cannot be read or breaks the format.
    """
    info = read_document(path, _Info, what=_INFO, error=AnnotationError)
    captions: dict[str, list[str]] = {video.video_id: [] for video in info.videos if video.split == split}
    for sentence in info.sentences:
        if sentence.video_id in captions:
            captions[sentence.video_id].append(sentence.caption)
    return {video_id: tuple(group) for video_id, group in captions.items() if group}


def read_video_questions(path: Path) -> tuple[VideoQuestion, ...]:
    """The questions in the file's order; `AnnotationError` if the format is broken."""
    return read_document(path, tuple[VideoQuestion, ...], what=_QUESTIONS, error=AnnotationError)


def read_narrations(path: Path) -> Mapping[str, tuple[Narration, ...]]:
    """Narrations of both passes by recording, by time; `AnnotationError` if the format is broken."""
    recordings = read_document(path, dict[str, _Recording], what=_NARRATIONS, error=AnnotationError)
    return {
        uid: tuple(sorted([*one.narration_pass_1.narrations, *one.narration_pass_2.narrations], key=_TIME))
        for uid, one in recordings.items()
    }
