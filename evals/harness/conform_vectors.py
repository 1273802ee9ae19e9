"""The golden vectors that the package carries: truths, answers, and the official values of both."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Generic, Literal, TypeVar

import msgspec

from evals.metrics.answers import AnswerProtocol, YesNoProtocol
from evals.metrics.caption_measures import CaptionMetric
from evals.metrics.choices import ChoiceProtocol
from evals.metrics.rec import RecProtocol
from evals.metrics.vqa import VqaRevision
from shards.formats.answers import AnswerTruth, BinaryTruth, ChoiceAnswer, ChoiceTruth, YesNoTruth
from shards.formats.gqa import GqaChoices, GqaQuestion
from shards.formats.instances import Instances
from shards.formats.refcoco import RecReference
from shards.formats.vqa import VqaTruth

Values = Mapping[str, float | None]
"""Item values by id and numbers by name; None where there is none."""

Truth = TypeVar("Truth")
Id = TypeVar("Id", int, str)
Answer = TypeVar("Answer")
Name = TypeVar("Name")


class Case(msgspec.Struct, Generic[Truth, Id, Answer, Name], frozen=True):
    """Items under one or more protocols."""

    truths: Sequence[Truth]
    answers: Mapping[Id, Answer]
    official: Mapping[Name, Values]


class TokenCase(msgspec.Struct, frozen=True):
    """One call of the tokenizer; there may be a caption more than lines of tokens."""

    captions: Sequence[str]
    tokens: Sequence[str]


class ChairCase(msgspec.Struct, frozen=True):
    """Captions, what their images show, and the words of a small table of objects."""

    synonyms: Mapping[str, str]
    instances: Instances
    references: Sequence[tuple[int, str]]
    answers: Mapping[int, str]
    official: Values


class GqaCase(msgspec.Struct, frozen=True):
    """GQA's files."""

    questions: Mapping[str, GqaQuestion]
    choices: Mapping[str, GqaChoices]
    answers: Mapping[str, str]
    official: Values


class Vectors(msgspec.Struct, frozen=True):
    """All vectors by kind."""

    vqa: Case[VqaTruth, int, str, VqaRevision]
    ptb: Sequence[TokenCase]
    captions: Sequence[Case[Sequence[str], str, str, CaptionMetric]]
    chair: ChairCase
    rec: Case[RecReference, str, str, RecProtocol]
    answers: Sequence[Case[AnswerTruth, str, str, AnswerProtocol]]
    yes_no: Case[YesNoTruth, str, str, YesNoProtocol]
    auroc: Sequence[Case[BinaryTruth, str, float, Literal["auroc"]]]
    choices: Sequence[Case[ChoiceTruth, str, ChoiceAnswer, ChoiceProtocol]]
    gqa: GqaCase


def load_vectors() -> Vectors:
    """The vectors of the package."""
    return msgspec.json.decode(files("evals.harness").joinpath("conform_vectors.json").read_bytes(), type=Vectors)
