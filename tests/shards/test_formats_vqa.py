"""Official VQA files: what is read, and what is refused with which words."""

import json
from pathlib import Path

import pytest

from shards.formats.errors import AnnotationError, PredictionError
from shards.formats.vqa import VqaAnswer, read_annotations, read_questions, read_results

GOLDEN = Path(__file__).parents[1] / "golden" / "vqa"
ENTRY = {
    "question_id": 4,
    "image_id": 2,
    "question_type": "what is",
    "answer_type": "other",
    "multiple_choice_answer": "cup",
    "answers": [{"answer": "cup", "raw_answer": "cups", "answer_confidence": "yes", "answer_id": 1}],
}


def written(path: Path, content: object) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_golden_files() -> None:
    questions, annotations = read_questions(GOLDEN / "questions.json"), read_annotations(GOLDEN / "annotations.json")
    results = read_results(GOLDEN / "results.json")
    assert len(questions) == len(annotations) == len(results) == 500
    assert {question.question_id for question in questions} == results.keys()
    raw = json.loads((GOLDEN / "annotations.json").read_text())["annotations"][3]
    assert annotations[3].question_type == raw["question_type"]
    assert [answer.answer for answer in annotations[3].answers] == [answer["answer"] for answer in raw["answers"]]


def test_all_fields_of_an_answer(tmp_path: Path) -> None:
    (truth,) = read_annotations(written(tmp_path / "a.json", {"annotations": [ENTRY]}))
    assert truth.answers == (VqaAnswer("cup", "yes", 1, "cups"),)
    assert (truth.question_id, truth.image_id, truth.answer_type) == (4, 2, "other")


def test_byte_order_mark_and_crlf_are_no_fault(tmp_path: Path) -> None:
    text = json.dumps({"annotations": [ENTRY]}, indent=1).replace("\n", "\r\n")
    assert len(read_annotations(written(tmp_path / "a.json", b"\xef\xbb\xbf" + text.encode()))) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"annotations": [{"question_id": 1', "break off or are malformed"),
        (b'{"annotations": [NaN]}', "malformed"),
        ({"questions": []}, "missing required field `annotations`"),
        ({"annotations": [ENTRY, ENTRY | {"question_id": "5"}]}, r"annotations\[1\]\.question_id: .*`int`, got `str`"),
        (
            {"annotations": [ENTRY | {"answers": [{"answer": None}]}]},
            r"annotations\[0\]\.answers\[0\]\.answer: .*got `null`",
        ),
        ({"annotations": [ENTRY | {"answers": [{"answer": 3}]}]}, r"`str`, got `int`"),
        ({"annotations": [ENTRY | {"answers": [{"answer": "a", "answer_id": 10**400}]}]}, "answer_id"),
        (json.dumps({"annotations": [ENTRY]}).encode("utf-16"), "found UTF-16 text"),
        (b'{"annotations": [{"question_type": "caf\xe9"}]}', "bytes that are not UTF-8"),
        (b'{"annotations": [{"question_type": "\\ud800 x"}]}', r"half of a surrogate pair, \\ud800, at byte 36"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b', "annotations": []}', "nested too deeply"),
        (b"", "break off or are malformed"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, content: object, words: str) -> None:
    path = written(tmp_path / "a.json", content)
    with pytest.raises(AnnotationError, match=words) as caught:
        read_annotations(path)
    assert str(path) in str(caught.value)


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no such file or directory; check the path"):
        read_questions(tmp_path / "none.json")


def test_results_of_the_wrong_kind(tmp_path: Path) -> None:
    with pytest.raises(PredictionError, match=r"\[0\]\.answer"):
        read_results(written(tmp_path / "r.json", [{"question_id": 1, "answer": 5}]))
