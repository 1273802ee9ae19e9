"""MSRVTT-QA: open questions about films with one right word each."""

from collections.abc import Sequence
from pathlib import Path

from evals.benchmarks.item import Answers, Benchmark, Item, MediaFile, Size, by_rules, expected
from evals.metrics.answers import score_answers
from evals.results import Scored
from model_adapter import Decoding
from shards.formats.answers import AnswerTruth
from shards.formats.videos import read_video_questions
from shards.sample import Answers as AnswersTruth
from shards.sample import HumanAnswer


def load(data: Path, split: str) -> list[Item]:
    """The questions of a split; a film is `msrvtt/videos/video<id>.mp4`."""
    return [
        Item(
            id=str(one.id),
            cluster=str(one.video_id),
            text=one.question,
            media=(MediaFile("video", f"{data}/msrvtt/videos/video{one.video_id}.mp4"),),
            truth=AnswersTruth((HumanAnswer(one.answer, "yes", 1),), one.question.partition(" ")[0], "other"),
        )
        for one in read_video_questions(data / "msrvtt_qa" / f"{split}_qa.json")
    ]


def score(items: Sequence[Item], answers: Answers, population: Sequence[Item], seed: int) -> Scored:
    """The share of answers that are the right word but for case, punctuation and articles."""
    truths = [(item, expected(item, item.truth, AnswersTruth).answers) for item in items]
    official = [AnswerTruth(item.id, tuple(one.answer for one in said), item.cluster) for item, said in truths]
    return score_answers(official, answers, protocol="exact@normalized", seed=seed)


MSRVTT_QA = Benchmark(
    name="msrvtt_qa",
    kind="vqa",
    splits=("test", "val", "train"),
    train_split="train",
    load=load,
    prompts={"plain": "{text}\nAnswer the question using a single word."},
    decoding=Decoding(max_new_tokens=10),
    scorer="exact@normalized",
    scorer_of=by_rules(score),
    submission="answers",
    source="Xu et al. 2017, ACM MM; github.com/xudejing/video-question-answering",
    licence="questions: none stated; films: YouTube terms",
    how_to_get=(
        "github.com/xudejing/video-question-answering: MSRVTT-QA's {train,val,test}_qa.json into msrvtt_qa/; "
        "films as for msrvtt"
    ),
    sizes={"test": Size(72_821), "val": Size(12_278), "train": Size(158_581)},
)
