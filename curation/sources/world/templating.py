"""What a question template is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from curation.sources.world.relations import View

AnswerType = Literal["yes/no", "number", "other"]
Offers = Iterator[tuple[str, str]]
"""Pairs of question text and answer."""


@dataclass(frozen=True)
class Template:
    """One way of asking.

    Args:
        name: Unique name.
        question_type: The first words of its questions, as VQAv2 groups them.
        answers: Every answer it can have; they are to be equally frequent.
        offers: All its questions about a scene.
    """

    name: str
    answer_type: AnswerType
    question_type: str
    answers: tuple[str, ...]
    offers: Callable[[View], Offers]
