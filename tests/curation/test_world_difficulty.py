"""How hard the world is: what can be scored without looking or listening, by formulas written here."""

import csv
import io
import json
import pickle
from collections import Counter, defaultdict
from random import Random
from typing import Any

import pytest

from curation.sources.world.captions import oracle_caption
from curation.sources.world.official import ask_all, official_files
from curation.sources.world.sampling import sample_scene
from curation.sources.world.scene import MODALITIES, Modality

cider_module = pytest.importorskip("pycocoevalcap.cider.cider", reason="official CIDEr is not installed")


class World:
    """The annotation files of 300 scenes, read as a stranger would; no media are rendered."""

    def __init__(self, seed: int) -> None:
        self.scenes = [sample_scene(seed, number) for number in range(300)]
        self.files = dict(official_files(self.scenes, ask_all(self.scenes), seed=seed))
        self.train, self.val = self.items("train2014"), self.items("val2014")

    def items(self, part: str, *, stem: str = "vqav2/v2_") -> list[dict[str, Any]]:
        """Annotations of a part, each with its question's text."""
        questions = json.loads(self.files[f"{stem}OpenEnded_mscoco_{part}_questions.json"])["questions"]
        texts = {question["question_id"]: question["question"] for question in questions}
        annotations = json.loads(self.files[f"{stem}mscoco_{part}_annotations.json"])["annotations"]
        return [{**annotation, "text": texts[annotation["question_id"]]} for annotation in annotations]

    def video_items(self, split: str) -> list[dict[str, Any]]:
        """Questions of a split with the fields of VQA."""
        rows = json.loads(self.files[f"msrvtt_qa/{split}_qa.json"])
        told = (("text", "question"), ("multiple_choice_answer", "answer"))
        first_words = [" ".join(row["question"].split()[:3]) for row in rows]
        return [
            {
                **{new: row[old] for new, old in told},
                "question_type": words,
                "answers": [{"answer": row["answer"]}] * 10,
            }
            for row, words in zip(rows, first_words, strict=True)
        ]

    def references(self, modality: str) -> dict[int, list[str]]:
        """Reference captions of scenes that are not for training, by the scene's number."""
        by_scene: dict[int, list[str]] = defaultdict(list)
        if modality == "image":
            for row in json.loads(self.files["coco_captions/captions_val2014.json"])["annotations"]:
                by_scene[row["image_id"] - 1].append(row["caption"])
        elif modality == "audio":
            for row in csv.DictReader(io.StringIO(self.files["audiocaps/test.csv"].decode())):
                by_scene[int(row["youtube_id"].removeprefix("world"), 36)].append(row["caption"])
        elif modality == "video":
            for row in json.loads(self.files["msrvtt/test_videodatainfo.json"])["sentences"]:
                by_scene[int(row["video_id"].removeprefix("video"))].append(row["caption"])
        else:
            passes = json.loads(self.files["ego4d/narration.json"])
            for uid in json.loads(self.files["ego4d/splits.json"])["test"]:
                for row in passes[uid]["narration_pass_1"]["narrations"]:
                    spoken = row["narration_text"].replace("#C C", "the person")
                    by_scene[int(uid.removeprefix("world"), 36)].append(spoken)
        return by_scene


@pytest.fixture(scope="module", params=[1, 2])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def vqa_accuracy(items: list[dict[str, Any]], predictions: list[str]) -> float:
    """Mean over questions of the mean over ten folds of min(matches among the other nine / 3, 1)."""
    total = 0.0
    for item, prediction in zip(items, predictions, strict=True):
        answers = [answer["answer"] for answer in item["answers"]]
        folds = [min(1.0, sum(a == prediction for a in answers[:k] + answers[k + 1 :]) / 3) for k in range(10)]
        total += sum(folds) / 10
    return total / len(items)


def most_frequent(items: list[dict[str, Any]], field: str) -> dict[str, str]:
    """Most frequent answer for each value of a field."""
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for item in items:
        answers[item[field]][item["multiple_choice_answer"]] += 1
    return {value: tally.most_common(1)[0][0] for value, tally in answers.items()}


def test_oracle_reaches_the_ceiling(world: World) -> None:
    assert vqa_accuracy(world.val, [item["multiple_choice_answer"] for item in world.val]) == 1.0


def test_blind_answers_stay_under_45_percent(world: World) -> None:
    by_text, by_type = most_frequent(world.train, "text"), most_frequent(world.train, "question_type")
    blind = [by_text.get(item["text"], by_type[item["question_type"]]) for item in world.val]
    assert 0.15 < vqa_accuracy(world.val, blind) < 0.45


def test_most_frequent_answer_stays_under_45_percent(world: World) -> None:
    answer = Counter(item["multiple_choice_answer"] for item in world.train).most_common(1)[0][0]
    assert vqa_accuracy(world.val, [answer] * len(world.val)) < 0.25


def test_even_val_statistics_do_not_give_the_answers_away(world: World) -> None:
    """Knowing which answer each type of question has most often in the examined part itself."""
    by_type = most_frequent(world.val, "question_type")
    assert vqa_accuracy(world.val, [by_type[item["question_type"]] for item in world.val]) < 0.45


def test_answer_types_have_the_shares_of_vqav2(world: World) -> None:
    shares = Counter(item["answer_type"] for item in world.val)
    assert 0.30 <= shares["yes/no"] / shares.total() <= 0.35
    assert 0.10 <= shares["number"] / shares.total() <= 0.25


def test_yes_and_no_are_even_for_each_question_type(world: World) -> None:
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    for item in world.val:
        if item["answer_type"] == "yes/no":
            tallies[item["question_type"]][item["multiple_choice_answer"]] += 1
    assert len(tallies) >= 5
    for question_type, tally in tallies.items():
        assert 0.4 <= tally["yes"] / tally.total() <= 0.6, question_type


def test_a_question_of_training_is_not_answered_by_its_text(world: World) -> None:
    """Among training questions asked at least eight times, the favourite answer is far from certain."""
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    for item in world.train:
        tallies[item["text"]][item["multiple_choice_answer"]] += 1
    frequent = [tally for tally in tallies.values() if tally.total() >= 8]
    assert len(frequent) >= 10
    assert max(tally.most_common(1)[0][1] / tally.total() for tally in frequent) <= 0.75


def test_what_one_has_to_know_is_not_told_by_the_text(world: World) -> None:
    train, val = (world.items(part, stem="okvqa/") for part in ("train2014", "val2014"))
    assert vqa_accuracy(val, [item["multiple_choice_answer"] for item in val]) == 1.0
    by_text, by_type = most_frequent(train, "text"), most_frequent(train, "question_type")
    blind = [by_text.get(item["text"], by_type[item["question_type"]]) for item in val]
    assert 0.1 < vqa_accuracy(val, blind) < 0.45
    by_words = {item["text"]: " ".join(item["text"].split()[:3]) for item in val}
    worded = most_frequent([{**item, "words": by_words[item["text"]]} for item in val], "words")
    assert vqa_accuracy(val, [worded[by_words[item["text"]]] for item in val]) < 0.45


def test_what_happens_in_a_film_is_not_told_by_the_text(world: World) -> None:
    train, test = world.video_items("train"), world.video_items("test")
    by_text, by_type = most_frequent(train, "text"), most_frequent(train, "question_type")
    blind = [by_text.get(item["text"], by_type.get(item["question_type"], "")) for item in test]
    assert 0.1 < vqa_accuracy(test, blind) < 0.45
    answer = Counter(item["multiple_choice_answer"] for item in train).most_common(1)[0][0]
    assert vqa_accuracy(test, [answer] * len(test)) < 0.25
    by_type = most_frequent(test, "question_type")
    assert vqa_accuracy(test, [by_type[item["question_type"]] for item in test]) < 0.45
    assert all(len(item["multiple_choice_answer"].split()) == 1 for item in test)


@pytest.mark.parametrize("refs", ["refcoco/refs(unc).p", "refcoco+/refs(unc).p", "refcocog/refs(umd).p"])
def test_boxes_cannot_be_guessed(world: World, refs: str) -> None:
    """Random boxes, boxes of training, and even the picture's own boxes drawn blindly miss the thing that is meant."""
    document = json.loads(world.files[f"{refs.partition('/')[0]}/instances.json"])
    boxes = {row["id"]: row["bbox"] for row in document["annotations"]}
    of_image: dict[int, list[list[float]]] = defaultdict(list)
    for row in document["annotations"]:
        of_image[row["image_id"]].append(row["bbox"])
    references = pickle.loads(world.files[refs])
    train = [boxes[ref["ann_id"]] for ref in references if ref["split"] == "train"]
    held_out = [ref for ref in references if ref["split"] != "train"]
    rng = Random(0)
    hits: Counter[str] = Counter()
    for ref in held_out * 3:
        (x1, x2), (y1, y2) = (sorted(rng.uniform(0, side) for _ in range(2)) for side in (320, 240))
        guesses = {"random": [x1, y1, x2 - x1, y2 - y1], "trained": rng.choice(train)}
        guesses["seen"] = rng.choice(of_image[ref["image_id"]])
        hits.update(name for name, box in guesses.items() if iou(box, boxes[ref["ann_id"]]) > 0.5)
    assert len(held_out) > 250
    assert max(hits["random"], hits["trained"]) / len(held_out * 3) < 0.1
    assert 0.1 < hits["seen"] / len(held_out * 3) < 0.35


def iou(first: list[float], second: list[float]) -> float:
    """Of boxes as x, y, width, height."""
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (first[2] * first[3] + second[2] * second[3] - shared)


@pytest.mark.parametrize("modality", MODALITIES)
def test_captions_of_other_scenes_stay_under_30_percent_of_the_oracle(world: World, modality: Modality) -> None:
    references = world.references(modality)
    spoken = [oracle_caption(world.scenes[number], modality) for number in references]
    own = dict(zip(references, ([caption] for caption in spoken), strict=True))
    moved = dict(zip(references, ([caption] for caption in spoken[7:] + spoken[:7]), strict=True))
    replayed = {name: captions[:1] for name, captions in references.items()}
    oracle, _ = cider_module.Cider().compute_score(dict(references), own)
    shuffled, _ = cider_module.Cider().compute_score(dict(references), moved)
    replay, _ = cider_module.Cider().compute_score(dict(references), replayed)
    assert oracle > 1.5
    assert replay > oracle
    assert 0 < shuffled < 0.3 * oracle
