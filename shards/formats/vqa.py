"""The official files of the VQA family (VQAv2, OKVQA): questions, annotations, results."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import msgspec

from shards.files import write_atomic
from shards.formats.errors import AnnotationError
from shards.formats.predictions import read_predictions
from shards.formats.records import read_document


class VqaAnswer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What one annotator answered. OKVQA adds the answer before stemming as `raw_answer`."""

    answer: str
    answer_confidence: str = ""
    answer_id: Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)] | None = None
    raw_answer: str | None = None


class VqaTruth(msgspec.Struct, frozen=True, gc=False):
    """One entry of an annotations file: the ground-truth answers to a question, usually ten."""

    question_id: int
    image_id: int
    question_type: str
    answer_type: str
    answers: tuple[VqaAnswer, ...]


class VqaQuestion(msgspec.Struct, frozen=True, gc=False):
    """One entry of a questions file."""

    question_id: int
    image_id: int
    question: str


class _Questions(msgspec.Struct, gc=False):
    questions: tuple[VqaQuestion, ...]


class _Annotations(msgspec.Struct, gc=False):
    annotations: tuple[VqaTruth, ...]


_QUESTIONS: Final = 'a VQA questions file {"questions": [{"question_id", "image_id", "question"}, …]}'
_ANNOTATIONS: Final = (
    'a VQA annotations file {"annotations": [{"question_id", "image_id", "question_type", "answer_type", '
    '"answers": [{"answer", …}, …]}, …]}'
)


def read_questions(path: Path) -> tuple[VqaQuestion, ...]:
    """The questions in the file's order; `AnnotationError` if the file is not of this format."""
    return read_document(path, _Questions, what=_QUESTIONS, error=AnnotationError).questions


def read_annotations(path: Path) -> tuple[VqaTruth, ...]:
    """The ground truths in the file's order, repeated ids included; `AnnotationError` if the format is broken."""
    return read_document(path, _Annotations, what=_ANNOTATIONS, error=AnnotationError).annotations


def write_questions(path: Path, questions: Iterable[VqaQuestion]) -> None:
    """Write a questions file, whole or not at all."""
    write_atomic(path, msgspec.json.encode(_Questions(tuple(questions))))


def write_annotations(path: Path, truths: Iterable[VqaTruth]) -> None:
    """Write an annotations file, whole or not at all."""
    write_atomic(path, msgspec.json.encode(_Annotations(tuple(truths))))


def read_results(path: Path) -> dict[int, str]:
    """Answers of a results file `[{"question_id": 1, "answer": "yes"}, …]` by question id.

    Raises:
        PredictionError: See `shards.formats.predictions.read_predictions`.
    """
    return read_predictions(path, "question_id", "answer", id_type=int)
