"""VQA accuracy at the size of VQAv2's validation split: 214,354 questions with ten answers each."""

import json
import random
from pathlib import Path

import pytest
from peers import SCALES, beside
from pytest_benchmark.fixture import BenchmarkFixture

from evals.metrics.vqa import score_vqa
from shards.formats.vqa import VqaTruth, read_annotations, read_results

QUESTIONS = 214_354
OFFICIAL_LOAD_S, OFFICIAL_SCORE_S = 5.2, 25.7  # the original scripts on two such cores; they cannot be installed
SYLLABLES = ["ba", "do", "ki", "lu", "me", "no", "ra", "si", "ta", "vo"]


def write_files(folder: Path, n_questions: int) -> None:
    """Write annotations and results whose answers repeat about as often as VQAv2's do."""
    rng = random.Random(0)
    rare = ["".join(rng.choices(SYLLABLES, k=rng.randint(2, 5))) for _ in range(100_000)]
    rare = [rng.choice([word, f"the {word}", f"{word}, {word}", f"{word}-{word}", f"{word}."]) for word in rare]
    common = ["yes", "no", "1", "2", "white", "red", *rare[:2000]]
    annotations, results = [], []
    for number in range(n_questions):
        pool = rng.choices(common, k=rng.choice([1, 2, 3])) + rng.choices(rare, k=1)
        answers = [
            {"answer": text, "answer_confidence": "yes", "answer_id": position}
            for position, text in enumerate(rng.choices(pool, weights=[8] * (len(pool) - 1) + [1], k=10), start=1)
        ]
        annotations.append(
            {
                "question_type": f"what kind {number % 65}",
                "multiple_choice_answer": pool[0],
                "answers": answers,
                "image_id": 400_000 + number // 5,
                "answer_type": ("yes/no", "number", "other")[number % 3],
                "question_id": 400_000_000 + number,
            }
        )
        results.append({"question_id": 400_000_000 + number, "answer": pool[0]})
    (folder / "annotations.json").write_text(json.dumps({"info": {}, "annotations": annotations}))
    (folder / "results.json").write_text(json.dumps(results))


def load(folder: Path) -> tuple[tuple[VqaTruth, ...], dict[int, str]]:
    return read_annotations(folder / "annotations.json"), read_results(folder / "results.json")


def test_loading_the_validation_split(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    write_files(tmp_path, QUESTIONS)
    questions, _ = beside(benchmark, lambda: load(tmp_path), n=QUESTIONS, peer_s=OFFICIAL_LOAD_S)
    assert len(questions) == QUESTIONS


@pytest.mark.parametrize("scale", SCALES)
def test_scoring_the_validation_split(benchmark: BenchmarkFixture, tmp_path: Path, scale: float) -> None:
    n_questions = int(QUESTIONS * scale)
    write_files(tmp_path, n_questions)
    questions, answers = load(tmp_path)
    peer_s = OFFICIAL_SCORE_S if scale == 1 else None
    scored = beside(benchmark, lambda: score_vqa(questions, answers), n=n_questions, peer_s=peer_s)
    assert len(scored.rows) == n_questions
