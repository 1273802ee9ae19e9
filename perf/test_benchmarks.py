"""VQAv2's validation split as items: 214,354 questions out of the official files, in less than 5 s and 1 GB."""

import multiprocessing
from pathlib import Path

from peers import beside
from pytest_benchmark.fixture import BenchmarkFixture
from test_vqa import QUESTIONS, write_files

from evals.benchmarks import Task
from shards.formats.vqa import VqaQuestion, read_annotations, write_questions


def write_official(folder: Path) -> None:
    """The two files of the split, in a process of its own so that its memory does not count."""
    write_files(folder, QUESTIONS)
    truths = read_annotations((folder / "annotations.json").rename(folder / "v2_mscoco_val2014_annotations.json"))
    questions = [VqaQuestion(one.question_id, one.image_id, f"What is it, {one.question_id}?") for one in truths]
    write_questions(folder / "v2_OpenEnded_mscoco_val2014_questions.json", questions)


def test_loading_the_items_of_vqav2(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    (tmp_path / "vqav2").mkdir()
    writing = multiprocessing.get_context("fork").Process(target=write_official, args=(tmp_path / "vqav2",))
    writing.start()
    writing.join()
    task = Task("vqav2")
    items = beside(benchmark, lambda: task.benchmark.load(tmp_path, task.split), n=QUESTIONS, rounds=1)
    assert len(items) == QUESTIONS
