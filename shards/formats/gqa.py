"""GQA's official files: questions, choices, predictions."""

from pathlib import Path
from typing import Final

import msgspec

from shards.formats.errors import AnnotationError
from shards.formats.predictions import read_predictions
from shards.formats.records import read_document


class GqaTypes(msgspec.Struct, frozen=True, gc=False):
    """A question's kinds: `structural` query, verify, choose, logical or compare; `semantic` obj, attr, rel …."""

    structural: str
    semantic: str
    detailed: str


class GqaGroups(msgspec.Struct, frozen=True, gc=False):
    """The group whose answers the distribution compares, such as "food"; None if the question is in none."""

    global_: str | None = msgspec.field(name="global", default=None)


class GqaQuestion(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One question; `entailed` names questions whose answers follow from this one's, itself perhaps among them."""

    image_id: str
    answer: str
    is_balanced: bool
    types: GqaTypes
    groups: GqaGroups = GqaGroups()
    entailed: tuple[str, ...] = ()


class GqaChoices(msgspec.Struct, frozen=True, gc=False):
    """Answers within a question's scope (`valid`), and those that make sense for its object (`plausible`)."""

    valid: frozenset[str]
    plausible: frozenset[str]


_QUESTIONS: Final = 'GQA questions {"ID": {"imageId", "answer", "isBalanced", "types", "groups", "entailed"}, …}'
_CHOICES: Final = 'GQA choices {"ID": {"valid": […], "plausible": […]}, …}'


def read_gqa_questions(path: Path) -> dict[str, GqaQuestion]:
    """Questions by id of a file such as `val_balanced_questions.json`; `AnnotationError` if the format is broken."""
    return read_document(path, dict[str, GqaQuestion], what=_QUESTIONS, error=AnnotationError)


def read_gqa_choices(path: Path) -> dict[str, GqaChoices]:
    """Choices by question id of `val_choices.json`; `AnnotationError` if the format is broken."""
    return read_document(path, dict[str, GqaChoices], what=_CHOICES, error=AnnotationError)


def read_gqa_predictions(path: Path) -> dict[str, str]:
    """Answers of `[{"questionId": "1", "prediction": "yes"}, …]` by question id; `PredictionError` if broken."""
    return read_predictions(path, "questionId", "prediction", id_type=str)
