"""The golden vectors that the package carries: truths, answers, and the official values of both."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Generic, Literal, TypeVar

import msgspec
import numpy as np

from evals.metrics.answers import AnswerProtocol, YesNoProtocol
from evals.metrics.caption_measures import CaptionMetric
from evals.metrics.captions import CaptionTokenizer
from evals.metrics.choices import ChoiceProtocol
from evals.metrics.feature_sets import FeatureSet, feature_set
from evals.metrics.rec import RecProtocol
from evals.metrics.similarity import SimilarityName
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


class CaptionCase(Case[Sequence[str], str, str, CaptionMetric], frozen=True):
    """Captions, told apart into words by one tokenizer; the items' ids are the places of their references."""

    tokenizer: CaptionTokenizer = "ptb"

    @property
    def references(self) -> Mapping[str, Sequence[str]]:
        """By item."""
        return {str(place): group for place, group in enumerate(self.truths)}


class TokenCase(msgspec.Struct, frozen=True):
    """One call of the tokenizer; there may be a caption more than lines of tokens."""

    captions: Sequence[str]
    tokens: Sequence[str]


class ChairCase(msgspec.Struct, frozen=True):
    """Captions, what their images show, and the words of a small table of objects; no words: the official table."""

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


class FeatureRecipe(msgspec.Struct, frozen=True):
    """Features by a formula: running sums of uniform draws from -1 to 1 in steps of 1/512, plus an offset."""

    seed: int
    shape: tuple[int, ...]
    offset: float

    def features(self) -> FeatureSet:
        """The same numbers everywhere: the draws are of whole numbers, and float64 holds the sums exactly."""
        draws = np.random.RandomState(self.seed).randint(-512, 513, self.shape)
        return feature_set(np.cumsum(draws / 512, axis=-1) + self.offset)


class FeatureCase(msgspec.Struct, frozen=True):
    """Features (or logits) of generated and of real media, under one metric."""

    metric: Literal["fid", "fvd", "fad", "kid", "prc", "is", "tagger_kl"] | SimilarityName
    generated: FeatureRecipe
    real: FeatureRecipe | None
    official: Values


class Vectors(msgspec.Struct, frozen=True):
    """All vectors by kind."""

    vqa: Case[VqaTruth, int, str, VqaRevision]
    ptb: Sequence[TokenCase]
    captions: Sequence[CaptionCase]
    meteor: CaptionCase
    chair: ChairCase
    chair_official: ChairCase
    rec: Case[RecReference, str, str, RecProtocol]
    answers: Sequence[Case[AnswerTruth, str, str, AnswerProtocol]]
    yes_no: Case[YesNoTruth, str, str, YesNoProtocol]
    auroc: Sequence[Case[BinaryTruth, str, float, Literal["auroc"]]]
    choices: Sequence[Case[ChoiceTruth, str, ChoiceAnswer, ChoiceProtocol]]
    gqa: GqaCase
    features: Sequence[FeatureCase]


def load_vectors() -> Vectors:
    """The vectors of the package."""
    return msgspec.json.decode(files("evals.harness").joinpath("conform_vectors.json").read_bytes(), type=Vectors)
