"""Truths and predictions of short answers, yes/no questions, labels and choices: JSON arrays or JSON lines."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol, TypeVar

import msgspec

from shards.errors import AnymodalError
from shards.formats.errors import AnnotationError, PredictionError
from shards.formats.records import read_records


class _Named(Protocol):
    @property
    def id(self) -> int | str: ...


Named = TypeVar("Named", bound=_Named)


class AnswerTruth(msgspec.Struct, frozen=True, gc=False):
    """A question's right answers; `cluster` is what questions share, such as an image."""

    id: int | str
    answers: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    cluster: int | str = ""


class YesNoTruth(msgspec.Struct, frozen=True, gc=False, rename={"id": "question_id", "cluster": "image"}):
    """A line of POPE's files, such as `coco_pope_random.json`: a question and whether the answer is yes."""

    id: int | str
    label: Literal["yes", "no"]
    cluster: int | str = ""


class BinaryTruth(msgspec.Struct, frozen=True, gc=False, rename={"cluster": "img"}):
    """A line of Hateful Memes' files, such as `dev_seen.jsonl`: 1 for the class that a score speaks for."""

    id: int | str
    label: Literal[0, 1]
    cluster: int | str = ""


class ChoiceTruth(msgspec.Struct, frozen=True, gc=False):
    """Options in their order and the place of the right one, from 0; `category` is for the breakdown."""

    id: int | str
    choices: Annotated[tuple[str, ...], msgspec.Meta(min_length=2, max_length=26)]
    answer: Annotated[int, msgspec.Meta(ge=0)]
    category: str = ""
    cluster: int | str = ""

    def __post_init__(self) -> None:
        if self.answer >= len(self.choices):
            raise ValueError(f"answer {self.answer} is no place among {len(self.choices)} choices")


class ScoreAnswer(msgspec.Struct, frozen=True, gc=False):
    """How much a model takes an item for one of class 1; any finite number."""

    id: int | str
    score: float


class ChoiceAnswer(msgspec.Struct, frozen=True, gc=False):
    """A model's reply; or its replies to each rotation; or each option's log-likelihood and length in tokens."""

    id: int | str
    answer: str | None = None
    answers: tuple[str, ...] | None = None
    likelihoods: tuple[float, ...] | None = None
    tokens: tuple[Annotated[int, msgspec.Meta(ge=1)], ...] | None = None


_WHAT: Final[dict[type, str]] = {
    AnswerTruth: 'answers {"id", "answers": ["…", …]}',
    YesNoTruth: 'POPE questions {"question_id", "image", "label": "yes" or "no"}',
    BinaryTruth: 'labels {"id", "img", "label": 0 or 1}',
    ChoiceTruth: 'multiple choice questions {"id", "choices": ["…", …], "answer": place from 0}',
    ScoreAnswer: 'predictions {"id", "score": number}',
    ChoiceAnswer: 'predictions {"id", "answer" or "answers" or "likelihoods" and perhaps "tokens"}',
}


def read_truths(path: Path, kind: type[Named]) -> list[Named]:
    """The truths in the file's order; `AnnotationError` if the format is broken or an id comes twice."""
    return list(_read(path, kind, AnnotationError).values())


def read_answers(path: Path, kind: type[Named]) -> dict[str, Named]:
    """Predictions by id as text; `PredictionError` if the format is broken or an id comes twice."""
    return _read(path, kind, PredictionError)


def _read(path: Path, kind: type[Named], error: type[AnymodalError]) -> dict[str, Named]:
    records = read_records(path, kind, what=_WHAT[kind], error=error)
    by_name = {str(record.id): record for record in records}
    if len(by_name) < len(records):
        twice = Counter(str(record.id) for record in records).most_common(1)[0][0]
        raise error(str(path), expected="each id once", found=f"{twice!r} again", remedy="keep one of them")
    return by_name
