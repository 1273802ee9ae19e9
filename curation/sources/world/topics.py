"""What a scene can be asked, by topic: its picture, clip, film and sensor window, and what one has to know.

Knowledge: the picture only shows which thing is meant, and a fact about it is the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from curation.sources.world.asking import AnswerType, Balance, Offering, Template
from curation.sources.world.clip_questions import AUDIO_TEMPLATES, IMU_TEMPLATES, VIDEO_TEMPLATES
from curation.sources.world.picture_questions import PICTURE_TEMPLATES
from curation.sources.world.relations import Attribute, Picks, View
from curation.sources.world.scene import MODALITIES, Modality, Scene
from curation.sources.world.wording import WORDS, Fact

Topic = Literal["image", "audio", "video", "imu", "knowledge"]


def _picks(view: View, attribute: Attribute) -> Picks:
    """Every way to say which thing is meant that keeps the attribute to itself."""
    yield from ((f"the {name}", thing) for name, thing in view.named(without=attribute))
    yield from ((f"the only shape {side}", thing) for side, thing in view.related())
    yield from ((f"the shape inside the {name}", thing) for name, thing in view.nested())
    yield from ((f"the {word} shape", thing) for word, thing in view.outermost())
    yield from ((f"the {word} shape", thing) for word, thing in view.size_extremes())


def _ask(fact: Fact) -> Offering:
    return lambda view: (
        (fact.question.format(words), fact.answers[value])
        for words, thing in _picks(view, fact.attribute)
        if (value := getattr(thing, fact.attribute)) in fact.answers
    )


TEMPLATES: Mapping[Topic, tuple[Template, ...]] = {
    "image": PICTURE_TEMPLATES,
    "audio": AUDIO_TEMPLATES,
    "video": VIDEO_TEMPLATES,
    "imu": IMU_TEMPLATES,
    "knowledge": tuple(
        Template(one.question, "other", one.category, tuple(one.answers.values()), _ask(one)) for one in WORDS.facts
    ),
}
_QUOTAS: Mapping[str, Mapping[AnswerType, int]] = {
    "image": {"yes/no": 2, "number": 1, "other": 3},  # about the shares of VQAv2
    "video": {"yes/no": 1, "number": 1, "other": 3},
    "knowledge": {"other": 2},
}


@dataclass(frozen=True)
class SceneQuestion:
    """A question that a scene's facts answer beyond doubt; `template` is a name, unique within the modality."""

    modality: Modality
    text: str
    answer: str
    template: str
    answer_type: AnswerType


def questions_of(scene: Scene) -> tuple[SceneQuestion, ...]:
    """Every question that the templates of the four modalities have about a scene, in a fixed order.

    No text of a modality has two answers.
    """
    view = View(scene)
    return tuple(
        SceneQuestion(modality, text, answer, template.name, template.answer_type)
        for modality in MODALITIES
        for template in TEMPLATES[modality]
        for text, answer in template.offers(view)
    )


def new_balance(topic: Topic) -> Balance:
    """Nothing asked yet, of one of the topics that official files are written for: image, video, knowledge."""
    return Balance(TEMPLATES[topic], _QUOTAS[topic], "questions" if topic == "image" else f"{topic} questions")
