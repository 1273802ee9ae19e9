"""The world's questions: answers of scenes laid out by hand, and the ten answers."""

from collections import Counter

import msgspec
import pytest

from curation.sources.world.asking import TEMPLATES, Topic, ask, offers, questions_of
from curation.sources.world.relations import View
from curation.sources.world.sampling import sample_scene
from curation.sources.world.scene import (
    ActivitySpan,
    Backdrop,
    Film,
    MotionEvent,
    Overlap,
    Scene,
    SoundEvent,
    Soundscape,
    Thing,
)


def thing(look: str, x: float, y: float, *, visible_share: float = 1.0) -> Thing:
    """A thing by its words, such as `large striped red star`."""
    size, pattern, colour, kind = look.split()
    radius_px = {"small": 17.0, "medium": 28.0, "large": 42.0}[size]
    facts = {"kind": kind, "colour": colour, "size": size, "pattern": pattern, "radius_px": radius_px, "tilt_deg": 0.0}
    place = {"centre_x_px": x, "centre_y_px": y, "visible_share": visible_share}
    return msgspec.convert({**facts, **place, "box_xyxy_px": (0, 0, 1, 1)}, Thing)


def scene(*things: Thing, overlaps: tuple[Overlap, ...] = ()) -> Scene:
    sounds = Soundscape(
        3.0,
        "rain",
        (SoundEvent("bell", "loud", "low", 2, 0.1, 0.6, 0.1), SoundEvent("frog", "soft", "high", 1, 2, 0.4, 0.1)),
    )
    events = (MotionEvent(4, "left", 0.5, 1.0, 80.0), MotionEvent(1, "blinks", 1.5, 2.0), MotionEvent(3, "grows", 2, 3))
    activities = (ActivitySpan("run", "fast", 0.0, 2.5), ActivitySpan("nod", "slow", 2.5, 5.0))
    backdrop = Backdrop("waves", "mint", "none")
    return Scene(2, 0, 0, "val", backdrop, things, overlaps, sounds, Film(4.0, events), activities)


HAND_MADE = scene(
    thing("large plain blue ring", 60, 60),
    thing("small dotted red heart", 62, 58),
    thing("medium plain red star", 180, 70),
    thing("medium striped green drop", 190, 100),
    thing("small plain black star", 260, 200),
    overlaps=(Overlap(front=3, back=2),),
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many shapes are there?", "5"),
        ("How many stars are there?", "2"),
        ("How many crosses are there?", "0"),
        ("How many red shapes are there?", "2"),
        ("How many medium shapes are in the picture?", "2"),
        ("How many shapes are plain?", "3"),
        ("How many different colors do the shapes have?", "4"),
        ("How many shapes are to the right of the ring?", None),
        ("How many shapes are to the left of the black star?", None),
        ("What color is the drop?", "green"),
        ("What color is the shape inside the ring?", "red"),
        ("What color is the only shape below the drop?", "black"),
        ("What color is the biggest shape?", "blue"),
        ("What color is the smallest shape?", None),
        ("What color is the rightmost shape?", "black"),
        ("What color is the leftmost shape?", None),
        ("What color is the bigger one, the ring or the drop?", "blue"),
        ("What shape is the green thing?", "drop"),
        ("What shape is the red thing?", None),
        ("What shape is the biggest thing?", "ring"),
        ("What is the lowest shape?", "star"),
        ("What is inside the ring?", "heart"),
        ("What is partly hidden by the drop?", "star"),
        ("What covers a part of the red star?", "drop"),
        ("Which shape has the same color as the heart?", "star"),
        ("Which shape is closest to the drop?", "star"),
        ("What size is the heart?", "small"),
        ("Is the drop plain, striped or dotted?", "striped"),
        ("What is drawn on the background?", "waves"),
        ("Where in the picture is the black star?", "bottom right"),
        ("Where in the picture is the ring?", "top left"),
        ("Is there a heart in the picture?", "yes"),
        ("Is there a moon in the picture?", "no"),
        ("Are there any dotted red shapes?", "yes"),
        ("Are there any striped red shapes?", "no"),
        ("Is the ring to the left of the drop?", "yes"),
        ("Is the ring below the drop?", "no"),
        ("Is the red star to the left of the drop?", None),
        ("Is the drop bigger than the heart?", "yes"),
        ("Is the heart bigger than the drop?", "no"),
        ("Do the heart and the drop have the same color?", "no"),
        ("Are there more red shapes than blue shapes?", "yes"),
        ("Is there anything inside the ring?", "yes"),
        ("Is the red star partly hidden?", "yes"),
        ("Is the drop partly hidden?", "no"),
        ("What is heard first?", "bell"),
        ("What is heard last?", "frog"),
        ("What is heard right after the bell?", "frog"),
        ("What is heard right after the frog?", None),
        ("What is heard in the background?", "rain"),
        ("How loud is the bell?", "loud"),
        ("How many different sounds are there?", "2"),
        ("How many times is the bell heard?", "2"),
        ("Is there the sound of a drum?", "no"),
        ("Is the frog heard before the bell?", "no"),
        ("Which way does the black star move?", "left"),
        ("Which way does the drop move?", None),
        ("What does the heart do?", "blink"),
        ("What happens first: what does a shape do?", "move"),
        ("What happens right after the heart blinks?", "grow"),
        ("What color is the shape that blinks?", "red"),
        ("What color is the shape that spins?", None),
        ("What color is the shape that moves or changes last?", "green"),
        ("Which shape moves left?", "star"),
        ("Which shape moves or changes first?", "star"),
        ("Which shape moves or changes right after the black star?", "heart"),
        ("Does the drop grow?", "yes"),
        ("Does the ring grow?", "no"),
        ("Does the ring stay as it is?", "yes"),
        ("Does the drop move or change before the heart?", "no"),
        ("How many shapes move or change?", "3"),
        ("How many shapes stay as they are?", "2"),
        ("What does the person do?", None),
        ("What does the person do first?", "run"),
        ("What does the person do after running?", "nod"),
        ("How fast does the person nod?", "slow"),
        ("How many different things does the person do?", "2"),
        ("Does the person jump?", "no"),
        ("Does the person run before they nod?", "yes"),
        ("What is the real thing that the green shape depicts made of?", "water"),
        ("What is the biggest shape a common symbol of?", "marriage"),
        ("Which gem has the color of the shape inside the ring?", "ruby"),
        ("Which gem has the color of the only shape below the drop?", "onyx"),
        ("What does a traffic light in the color of the drop tell a driver?", "go"),
        ("What does a traffic light in the color of the ring tell a driver?", None),
    ],
)
def test_answer_to_a_scene_made_by_hand(question: str, answer: str | None) -> None:
    offered = [offer for topic in TEMPLATES for offer in offers(topic, View(HAND_MADE))]
    assert {given for _, text, given in offered if text == question} == (set() if answer is None else {answer})


def test_superlatives_and_nearest_are_not_asked_where_two_things_compete() -> None:
    rivals = scene(
        thing("large plain red star", 60, 120),
        thing("small plain green drop", 160, 120),
        thing("large plain blue moon", 262, 120),
    )
    answers = {text: answer for _, text, answer in offers("image", View(rivals))}
    assert answers["What color is the smallest shape?"] == "green"
    assert "What color is the biggest shape?" not in answers
    assert "Which shape is closest to the drop?" not in answers
    assert answers["Which shape is closest to the star?"] == "drop"


def test_a_missing_look_is_asked_about_only_if_the_split_could_show_it() -> None:
    shown = {True: set[str](), False: set[str]()}
    asked = {True: set[str](), False: set[str]()}
    for number in range(200):
        of_world = sample_scene(2, number)
        is_train = of_world.split == "train"
        shown[is_train] |= {f"{thing.colour} {thing.kind}" for thing in of_world.things}
        texts = [text for template, text, _ in offers("image", View(of_world)) if template.name == "exists look"]
        asked[is_train] |= {text.rstrip("?").split(" ", 3)[3] for text in texts}
    assert asked[True]
    assert asked[False]
    assert not asked[True] & shown[False]
    assert not asked[False] & shown[True]


def test_nothing_is_asked_about_all_things_where_one_is_mostly_hidden() -> None:
    hidden = scene(thing("medium plain red star", 100, 70, visible_share=0.2), thing("large plain green drop", 110, 80))
    offered = list(offers("image", View(hidden)))
    about_one = {"colour of", "kind of", "size of", "pattern of", "region of", "is covered"}
    assert {template.name for template, _, _ in offered} == {*about_one, "motif"}
    assert not any("star" in text or "red" in text for _, text, _ in offered)


@pytest.mark.parametrize(
    ("topic", "fewest"), [("image", 20), ("audio", 8), ("video", 10), ("imu", 6), ("knowledge", 10)]
)
def test_templates_are_many_and_each_keeps_to_its_answers(topic: Topic, fewest: int) -> None:
    templates = TEMPLATES[topic]
    assert len({template.name for template in templates}) == len(templates) >= fewest
    told = {template.name: set[str]() for template in templates}
    for number in range(80):
        for template, _, answer in offers(topic, View(sample_scene(2, number))):
            told[template.name].add(answer)
    for template in templates:
        possible = template.answers.values() if isinstance(template.answers, dict) else template.answers
        assert told[template.name]
        assert told[template.name] <= set(possible), template.name


def test_no_scene_answers_one_text_in_two_ways() -> None:
    for number in range(150):
        questions = questions_of(sample_scene(3, number))
        assert {one.modality for one in questions} == {"image", "audio", "video", "imu"}
        assert len({(one.modality, one.text) for one in questions}) == len(
            {(one.modality, one.text, one.answer) for one in questions}
        )


def test_ten_answers_have_the_true_one_in_the_majority_and_say_nothing_false() -> None:
    questions = [question for _, question, _ in ask("image", (sample_scene(2, number) for number in range(120)))]
    true_answers = {answer for template in TEMPLATES["image"] for answer in template.answers}
    meaning: dict[str, str] = {}
    for question in questions:
        tally = Counter(question.answers)
        assert tally.total() == 10
        assert tally[question.answer] >= 7
        for word in tally.keys() - {question.answer}:
            assert word not in true_answers
            assert meaning.setdefault(word, question.answer) == question.answer
    varied = sum(len(set(question.answers)) > 1 for question in questions)
    assert 0.1 < varied / len(questions) < 0.6
