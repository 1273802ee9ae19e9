"""How hard the world is: what can be scored without looking or listening, by formulas written here."""

import csv
import io
import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from curation.sources.world.asking import Balance
from curation.sources.world.captions import oracle_caption
from curation.sources.world.official import official_files
from curation.sources.world.sampling import sample_scene
from curation.sources.world.scene import Scene

cider_module = pytest.importorskip("pycocoevalcap.cider.cider", reason="official CIDEr is not installed")


class World:
    """The annotation files of 300 scenes, read as a stranger would; no media are rendered."""

    def __init__(self, seed: int) -> None:
        balances = {"train2014": Balance(), "val2014": Balance()}
        self.scenes = [sample_scene(seed, number) for number in range(300)]
        asked = [(scene, balances[scene.image_split].ask(scene)) for scene in self.scenes]
        self.files = dict(official_files(asked, seed=seed))
        self.train, self.val = self.items("train2014"), self.items("val2014")

    def items(self, part: str) -> list[dict[str, Any]]:
        """Annotations of a part, each with its question's text."""
        questions = json.loads(self.files[f"vqav2/v2_OpenEnded_mscoco_{part}_questions.json"])["questions"]
        texts = {question["question_id"]: question["question"] for question in questions}
        annotations = json.loads(self.files[f"vqav2/v2_mscoco_{part}_annotations.json"])["annotations"]
        return [{**annotation, "text": texts[annotation["question_id"]]} for annotation in annotations]

    def references(self, modality: str) -> dict[str, list[str]]:
        """Reference captions of the validation pictures, or of the test clips, by the scene they show."""
        by_id: dict[str, list[str]] = defaultdict(list)
        if modality == "image":
            for row in json.loads(self.files["coco_captions/captions_val2014.json"])["annotations"]:
                by_id[str(row["image_id"])].append(row["caption"])
        else:
            for row in csv.DictReader(io.StringIO(self.files["audiocaps/test.csv"].decode())):
                by_id[row["youtube_id"]].append(row["caption"])
        return by_id


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


@pytest.mark.parametrize("modality", ["image", "audio"])
def test_captions_of_other_scenes_stay_under_30_percent_of_the_oracle(world: World, modality: str) -> None:
    references = world.references(modality)
    scenes: dict[str, Scene] = {
        str(scene.image_id) if modality == "image" else scene.youtube_id: scene for scene in world.scenes
    }
    spoken = [oracle_caption(scenes[name], "image" if modality == "image" else "audio") for name in references]
    own = dict(zip(references, ([caption] for caption in spoken), strict=True))
    moved = dict(zip(references, ([caption] for caption in spoken[7:] + spoken[:7]), strict=True))
    replayed = {name: captions[:1] for name, captions in references.items()}
    oracle, _ = cider_module.Cider().compute_score(dict(references), own)
    shuffled, _ = cider_module.Cider().compute_score(dict(references), moved)
    replay, _ = cider_module.Cider().compute_score(dict(references), replayed)
    assert oracle > 1.5
    assert replay > oracle
    assert 0 < shuffled < 0.3 * oracle
