"""Question templates, and choosing a scene's questions so that no answer can be guessed from its text."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from curation.sources.world.relations import View
from curation.sources.world.wording import WORDS

AnswerType = Literal["yes/no", "number", "other"]
Offers = Iterator[tuple[str, str]]
"""Pairs of question text and answer."""
Offering = Callable[[View], Offers]
"""All questions of a template about a scene."""

YES_NO = ("yes", "no")
COUNTS = ("0", "1", "2", "3", "4", "5", "6")
ANSWERS_PER_QUESTION = 10


@dataclass(frozen=True)
class Template:
    """One way of asking.

    Args:
        name: Unique name.
        question_type: The first words of its questions, as VQAv2 groups them; the kind of knowledge in OKVQA.
        answers: Every answer it can have; they are to be equally frequent.
    """

    name: str
    answer_type: AnswerType
    question_type: str
    answers: tuple[str, ...]
    offers: Offering


@dataclass(frozen=True)
class Question:
    """One question about a scene.

    Args:
        answer: The true answer, which the majority gives.
        answers: Ten answers in the annotators' order: the true one at least seven times, else other words for it.
    """

    text: str
    answer: str
    answers: tuple[str, ...]
    template: Template


@dataclass
class Balance:
    """What one part of the world was asked so far; scenes come in the order of their numbers.

    Each scene is asked what is rarest so far: answers even out within a template, and within a text.

    Args:
        quota: Questions of each answer type that a scene is asked, each from another template.
        purpose: Of the random stream.
    """

    templates: tuple[Template, ...]
    quota: Mapping[AnswerType, int]
    purpose: str
    answered: Counter[tuple[str, str]] = field(default_factory=Counter)
    worded: Counter[tuple[str, str]] = field(default_factory=Counter)

    def ask(self, view: View) -> tuple[Question, ...]:
        """The scene's questions, as many as the quota says if the scene offers them."""
        rng = view.scene.stream(self.purpose)
        offers = [(template, text, answer) for template in self.templates for text, answer in template.offers(view)]
        chosen: list[Question] = []
        for answer_type in (answer_type for answer_type, count in self.quota.items() for _ in range(count)):
            asked = {question.template.name for question in chosen}
            open_offers = [o for o in offers if o[0].answer_type == answer_type and o[0].name not in asked]
            if open_offers:
                chosen.append(self._choose(open_offers, rng))
        return tuple(chosen)

    def _choose(self, offers: Iterable[tuple[Template, str, str]], rng: Random) -> Question:
        template, text, answer = min(offers, key=lambda offer: (*self._frequency(*offer), rng.random()))
        self.answered[template.name, answer] += 1
        self.worded[text, answer] += 1
        return Question(text, answer, _ten_answers(answer, rng), template)

    def _frequency(self, template: Template, text: str, answer: str) -> tuple[float, float]:
        """How often the answer stood in the template, as if all templates had one answer, and in this text."""
        return self.answered[template.name, answer] * len(template.answers), self.worded[text, answer]


def yes_no(is_so: bool) -> str:
    """The answer to a closed question."""
    return YES_NO[0] if is_so else YES_NO[1]


def _ten_answers(answer: str, rng: Random) -> tuple[str, ...]:
    """The answer ten times, except that in half of the cases one to three annotators use other words for it."""
    others = WORDS.other_answers.get(answer, ())
    count = rng.choice((0, 0, 0, 1, 2, 3)) if others else 0
    answers = [answer] * (ANSWERS_PER_QUESTION - count) + [rng.choice(others) for _ in range(count)]
    rng.shuffle(answers)
    return tuple(answers)
