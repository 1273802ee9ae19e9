"""VQAv2: open questions about COCO images, ten answers each."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from evals.benchmarks.item import Answers, Benchmark, Item, MediaFile, first_text
from evals.errors import EvalsError
from evals.metrics.vqa import score_vqa, vqa_accuracies
from evals.results import Scored
from model_adapter import Decoding
from shards.formats.vqa import VqaAnswer, VqaTruth, read_annotations, read_questions
from shards.sample import Answers as AnswersTruth
from shards.sample import HumanAnswer


def load_vqav2(data: Path, split: str) -> list[Item]:
    """The questions of a split with their ground truths, in the order of the questions file.

    Raises:
        AnnotationError: If a file is not of the official format.
        EvalsError: If a question has no annotation.
    """
    folder = data / "vqav2"
    questions = read_questions(folder / f"v2_OpenEnded_mscoco_{split}_questions.json")
    truths = {truth.question_id: truth for truth in read_annotations(folder / f"v2_mscoco_{split}_annotations.json")}
    absent = [question.question_id for question in questions if question.question_id not in truths]
    if absent:
        raise EvalsError(str(folder), expected="an annotation for each question", found=f"none for {absent[0]}")
    return [
        Item(
            id=str(question.question_id),
            cluster=str(question.image_id),
            text=question.question,
            media=(MediaFile("image", str(coco_image(data, split, question.image_id))),),
            truth=_truth(truths[question.question_id]),
        )
        for question in questions
    ]


def coco_image(data: Path, split: str, image_id: int) -> Path:
    """Where an image of COCO 2014 lies: `images/SPLIT/COCO_SPLIT_<12 digits>.jpg`."""
    return data / "images" / split / f"COCO_{split}_{image_id:012d}.jpg"


def score(items: Sequence[Item], answers: Answers, population: Sequence[Item], seed: int) -> Scored:
    """VQA accuracy by the official rules."""
    return score_vqa(
        [_official(item) for item in items], {int(name): answer for name, answer in answers.items()}, seed=seed
    )


def guessing(items: Sequence[Item], train: Sequence[Item]) -> float:
    """Expected accuracy, in percent, of an answer drawn at random from all answers of the training split."""
    drawn = Counter(answer.answer for item in train for answer in _answers(item).answers)
    total = 0.0
    for word, count in drawn.items():
        accuracies = vqa_accuracies([_official(item) for item in items], [word] * len(items))
        total += count * float(accuracies.mean())
    return 100.0 * total / drawn.total()


def _truth(truth: VqaTruth) -> AnswersTruth:
    answers = tuple(
        HumanAnswer(answer.answer, answer.answer_confidence, answer.answer_id or 0) for answer in truth.answers
    )
    return AnswersTruth(answers, truth.question_type, truth.answer_type)


def _answers(item: Item) -> AnswersTruth:
    if not isinstance(item.truth, AnswersTruth):
        raise EvalsError(f"item {item.id}", expected="answers as truth", found=type(item.truth).__name__)
    return item.truth


def _official(item: Item) -> VqaTruth:
    truth = _answers(item)
    answers = tuple(VqaAnswer(one.answer, one.answer_confidence, one.answer_id) for one in truth.answers)
    return VqaTruth(int(item.id), int(item.cluster), truth.question_type, truth.answer_type, answers)


VQAV2 = Benchmark(
    name="vqav2",
    kind="vqa",
    splits=("val2014", "train2014"),
    train_split="train2014",
    load=load_vqav2,
    prompt="{text}\nAnswer the question using a single word or phrase.",
    decoding=Decoding(max_new_tokens=10),
    parser="first_text@1",
    parse=first_text,
    scorer="vqa@official",
    score=score,
    chance=guessing,
    source="Goyal et al. 2017, arXiv:1612.00837; visualqa.org",
    licence="annotations CC BY 4.0; images: Flickr terms through COCO",
    how_to_get=(
        "visualqa.org: questions and annotations of train and val into vqav2/; "
        "cocodataset.org: train2014 and val2014 images into images/"
    ),
)
