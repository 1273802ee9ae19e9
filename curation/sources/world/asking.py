"""Choosing a scene's questions so that no answer can be guessed from its text, and the ten answers to each."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from curation.sources.world.closed_questions import CLOSED_TEMPLATES
from curation.sources.world.open_questions import OPEN_TEMPLATES
from curation.sources.world.relations import View
from curation.sources.world.scene import Scene, random_stream
from curation.sources.world.templating import AnswerType, Template

TEMPLATES = (*CLOSED_TEMPLATES, *OPEN_TEMPLATES)

ANSWERS_PER_QUESTION = 10
QUOTA: dict[AnswerType, int] = {"yes/no": 2, "number": 1, "other": 3}
"""Questions of each answer type that a scene is asked; about the shares of VQAv2."""

_OTHER_WORDS: dict[str, tuple[str, ...]] = {
    "0": ("zero", "none"), "1": ("one",), "2": ("two",), "3": ("three",), "4": ("four",), "5": ("five",), "6": ("six",),
    "purple": ("violet",), "pink": ("rose",), "black": ("dark gray",), "red": ("bright red",),
    "circle": ("disc", "round"), "square": ("a square",), "star": ("a star",), "ring": ("hoop",), "cross": ("plus",),
    "moon": ("crescent",), "flower": ("blossom",), "drop": ("teardrop",), "frame": ("square frame",),
    "small": ("little",), "medium": ("medium sized",), "large": ("big",), "striped": ("stripes",), "dotted": ("dots",),
    "plain": ("solid",), "top left": ("upper left",), "top right": ("upper right",), "bottom left": ("lower left",),
    "bottom right": ("lower right",), "center": ("middle",), "nothing": ("it is plain",), "bricks": ("brick wall",),
    "rays": ("sun rays",), "grid": ("squares",), "hills": ("mountains",),
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """One question about a picture.

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
    """

    answered: Counter[tuple[str, str]] = field(default_factory=Counter)
    worded: Counter[tuple[str, str]] = field(default_factory=Counter)

    def ask(self, scene: Scene) -> tuple[Question, ...]:
        """The scene's questions: two yes/no, one number and three others, each from another template."""
        rng = random_stream(scene.seed, scene.number, "questions")
        view = View(scene)
        offers = [(template, text, answer) for template in TEMPLATES for text, answer in template.offers(view)]
        chosen: list[Question] = []
        for answer_type in (answer_type for answer_type, count in QUOTA.items() for _ in range(count)):
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


def _ten_answers(answer: str, rng: Random) -> tuple[str, ...]:
    """The answer ten times, except that in half of the cases one to three annotators use other words for it."""
    others = _OTHER_WORDS.get(answer, ())
    count = rng.choice((0, 0, 0, 1, 2, 3)) if others else 0
    answers = [answer] * (ANSWERS_PER_QUESTION - count) + [rng.choice(others) for _ in range(count)]
    rng.shuffle(answers)
    return tuple(answers)
