"""Questions about a scene: all that the templates offer, and a choice whose answers cannot be guessed from the text.

Knowledge: the picture only shows which thing is meant, and a fact about it is the answer.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from random import Random
from string import Formatter
from typing import Final, Literal

import msgspec

from curation.sources.world.knowing import Rows, clip_rows, film_rows, picture_rows, thing_rows, window_rows
from curation.sources.world.relations import View
from curation.sources.world.scene import MODALITIES, Modality, Scene
from curation.sources.world.wording import WORDS, read_table

AnswerType = Literal["yes/no", "number", "other"]
Topic = Literal["image", "audio", "video", "imu", "knowledge"]

ANSWERS_PER_QUESTION: Final = 10


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way of asking.

    Args:
        name: Unique name.
        question_type: The first words of its questions, as VQAv2 groups them; the kind of knowledge in OKVQA.
        text: With the names of words of a row.
        answer: Name of the word that is the answer, or that it hangs on.
        answers: Every answer it can have, perhaps by the word that it hangs on; they are to be equally frequent.
    """

    name: str
    answer_type: AnswerType
    question_type: str
    text: str
    answer: str
    answers: tuple[str, ...] | dict[str, str]

    def offers(self, rows: Iterable[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
        """Texts and answers of all its questions; a row that lacks one of its words offers none."""
        needed = {self.answer, *(word for _, word, _, _ in Formatter().parse(self.text) if word)}
        said = self.answers if isinstance(self.answers, dict) else None
        for row in rows:
            if needed <= row.keys() and (said is None or row[self.answer] in said):
                yield self.text.format_map(row), said[row[self.answer]] if said else row[self.answer]


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


Asked = tuple[Scene, Question, int]  # the last is the question's id by VQAv2's rule: the image's id, then three digits


@dataclass(frozen=True)
class SceneQuestion:
    """A question that a scene's facts answer beyond doubt; `template` is a name, unique within the modality."""

    modality: Modality
    text: str
    answer: str
    template: str
    answer_type: AnswerType


TEMPLATES: Final = read_table("questions.json", dict[Topic, tuple[Template, ...]])
_ROWS: Mapping[Topic, Callable[[View], Rows]] = {
    "image": picture_rows, "audio": clip_rows, "video": film_rows, "imu": window_rows, "knowledge": thing_rows
}  # fmt: skip
_QUOTAS: Mapping[Topic, Mapping[AnswerType, int]] = {
    "image": {"yes/no": 2, "number": 1, "other": 3},  # about the shares of VQAv2
    "video": {"yes/no": 1, "number": 1, "other": 3},
    "knowledge": {"other": 2},
}


def offers(topic: Topic, view: View) -> Iterator[tuple[Template, str, str]]:
    """Template, text and answer of every question that can be asked about a scene, in a fixed order."""
    rows = [{name: word for name, word in row.items() if word} for row in _ROWS[topic](view)]
    return ((template, *offer) for template in TEMPLATES[topic] for offer in template.offers(rows))


def questions_of(scene: Scene) -> tuple[SceneQuestion, ...]:
    """Every question that the templates of the four modalities have about a scene, in a fixed order.

    No text of a modality has two answers.
    """
    return tuple(
        SceneQuestion(modality, text, answer, template.name, template.answer_type)
        for modality in MODALITIES
        for template, text, answer in offers(modality, View(scene))
    )


def ask(topic: Topic, scenes: Iterable[Scene]) -> Iterator[Asked]:
    """Questions about scenes in the order of their numbers, each from another template of its scene's.

    Each scene is asked what is rarest so far, so that answers even out within a template, and within a text; as many
    questions as the quota says if the scene offers them.

    Args:
        topic: One that official files are written for: image, video or knowledge.
        scenes: One part of the world.
    """
    told = Counter[tuple[str, str]]()
    for scene in scenes:
        rng = scene.stream("questions" if topic == "image" else f"{topic} questions")
        open_offers, question_ids = list(offers(topic, View(scene))), count(scene.image_id * 1000)
        for answer_type in Counter(_QUOTAS[topic]).elements():
            of_type = [offer for offer in open_offers if offer[0].answer_type == answer_type]
            if of_type:
                template, text, answer = min(of_type, key=lambda one: (*_frequency(told, *one), rng.random()))
                told.update([(template.name, answer), (text, answer)])
                open_offers = [offer for offer in open_offers if offer[0] is not template]
                yield scene, Question(text, answer, _ten_answers(answer, rng), template), next(question_ids)


def _frequency(told: Counter[tuple[str, str]], template: Template, text: str, answer: str) -> tuple[int, int]:
    """How often the answer stood in the template, as if all templates had one answer, and in this text."""
    return told[template.name, answer] * len(template.answers), told[text, answer]


def _ten_answers(answer: str, rng: Random) -> tuple[str, ...]:
    """The answer ten times, except that in half of the cases one to three annotators use other words for it."""
    others = WORDS.other_answers.get(answer, ())
    count = rng.choice((0, 0, 0, 1, 2, 3)) if others else 0
    answers = [answer] * (ANSWERS_PER_QUESTION - count) + [rng.choice(others) for _ in range(count)]
    rng.shuffle(answers)
    return tuple(answers)
