"""Open questions about COCO images with ten answers each: VQAv2, and OKVQA, whose questions ask for knowledge."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from evals.benchmarks.item import Answers, Benchmark, Item, Size, by_rules, coco_image_of, expected
from evals.errors import EvalsError
from evals.metrics.vqa import score_vqa, vqa_accuracies
from evals.results import Scored
from model_adapter import Decoding
from shards.formats.samples import vqa_answers, vqa_truth
from shards.formats.vqa import VqaTruth, read_annotations, read_questions
from shards.sample import Answers as AnswersTruth


def load(data: Path, split: str, *, folder: str, prefix: str) -> list[Item]:
    """The questions of a split with their ground truths, in the order of the questions file.

    Raises:
        AnnotationError: If a file is not of the official format.
        EvalsError: If a question has no annotation.
    """
    questions = read_questions(data / folder / f"{prefix}OpenEnded_mscoco_{split}_questions.json")
    annotations = data / folder / f"{prefix}mscoco_{split}_annotations.json"
    truths = {truth.question_id: truth for truth in read_annotations(annotations)}
    absent = [question.question_id for question in questions if question.question_id not in truths]
    if absent:
        raise EvalsError(str(data / folder), expected="an annotation for each question", found=f"none for {absent[0]}")
    return [
        Item(
            id=str(question.question_id),
            cluster=str(question.image_id),
            text=question.question,
            media=(coco_image_of(data, split, question.image_id),),
            truth=vqa_answers(truths[question.question_id]),
        )
        for question in questions
    ]


def score(items: Sequence[Item], answers: Answers, population: Sequence[Item], seed: int) -> Scored:
    """VQA accuracy by the official rules."""
    return score_vqa(
        [_official(item) for item in items], {int(name): answer for name, answer in answers.items()}, seed=seed
    )


def guessing(items: Sequence[Item], train: Callable[[], Sequence[Item]]) -> float:
    """Expected accuracy, in percent, of an answer drawn at random from all answers of the training split."""
    drawn = Counter(answer.answer for item in train() for answer in expected(item, item.truth, AnswersTruth).answers)
    total = 0.0
    for word, count in drawn.items():
        accuracies = vqa_accuracies([_official(item) for item in items], [word] * len(items))
        total += count * float(accuracies.mean())
    return 100.0 * total / drawn.total()


def _official(item: Item) -> VqaTruth:
    return vqa_truth(item.id, item.cluster, expected(item, item.truth, AnswersTruth))


_PROMPTS: Final = {
    "plain": "{text}\nAnswer the question using a single word or phrase.",
    "minigpt-v2": "[vqa] Based on the image, respond to this question with a short answer: {text}",
    "anymal": "In the image, {text} Reply in one word.",
}
_LICENCE: Final = "annotations CC BY 4.0; images: Flickr terms through COCO"
_IMAGES: Final = "cocodataset.org: train2014 and val2014 images into images/"

VQAV2 = Benchmark(
    name="vqav2",
    kind="vqa",
    splits=("val2014", "train2014"),
    train_split="train2014",
    load=partial(load, folder="vqav2", prefix="v2_"),
    prompts=_PROMPTS,
    decoding=Decoding(max_new_tokens=10),
    scorer="vqa@official",
    scorer_of=by_rules(score),
    chance=guessing,
    submission="vqa",
    source="Goyal et al. 2017, arXiv:1612.00837; visualqa.org",
    licence=_LICENCE,
    how_to_get=f"visualqa.org: questions and annotations of train and val into vqav2/; {_IMAGES}",
    sizes={"val2014": Size(214_354, 2_143_540), "train2014": Size(443_757, 4_437_570)},
    id_rule=("question_id is image_id and three digits", lambda item: int(item.id) // 1000 == int(item.cluster)),
)

OKVQA = replace(
    VQAV2,
    name="okvqa",
    load=partial(load, folder="okvqa", prefix=""),
    source="Marino et al. 2019, arXiv:1906.00067; okvqa.allenai.org",
    how_to_get=f"okvqa.allenai.org: questions and annotations of train and val into okvqa/; {_IMAGES}",
    sizes={"val2014": Size(5_046, 50_460), "train2014": Size(9_009, 90_090)},
    other_editions={4_456: "MiniGPT-v2's cleaned subset"},
    id_rule=None,
)
