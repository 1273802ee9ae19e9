"""VQA accuracy at the size of VQAv2's validation split: 214,354 questions with ten answers each.

Run with `pytest perf/test_vqa.py -s`; PERF_SCALE=16 scores 16 times as many questions.
"""

import json
import os
import random
import resource
import time
from pathlib import Path

from evals.metrics.vqa import score_vqa
from shards.formats.vqa import read_annotations, read_results

QUESTIONS = int(214_354 * float(os.environ.get("PERF_SCALE", "1")))
SYLLABLES = ["ba", "do", "ki", "lu", "me", "no", "ra", "si", "ta", "vo"]


def write_files(folder: Path) -> None:
    """Write annotations and results whose answers repeat about as often as VQAv2's do."""
    rng = random.Random(0)
    rare = ["".join(rng.choices(SYLLABLES, k=rng.randint(2, 5))) for _ in range(100_000)]
    rare = [rng.choice([word, f"the {word}", f"{word}, {word}", f"{word}-{word}", f"{word}."]) for word in rare]
    common = ["yes", "no", "1", "2", "white", "red", *rare[:2000]]
    annotations, results = [], []
    for number in range(QUESTIONS):
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


def test_vqa_of_validation_size(tmp_path: Path) -> None:
    write_files(tmp_path)
    start = time.perf_counter()
    questions, answers = read_annotations(tmp_path / "annotations.json"), read_results(tmp_path / "results.json")
    loaded = time.perf_counter()
    scored = score_vqa(questions, answers)
    done = time.perf_counter()
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"\nVQA accuracy {QUESTIONS:,} x 10: load {loaded - start:.2f} s, score {done - loaded:.2f} s, "
        f"peak {peak_mib:,} MiB including the making of the files, value {scored.primary.value:.2f}"
    )
    assert len(scored.rows) == QUESTIONS
