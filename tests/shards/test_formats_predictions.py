"""Prediction files: arrays and lines, strict ids, repeated and unknown ids."""

from pathlib import Path

import pytest

from shards.formats.errors import PredictionError
from shards.formats.predictions import check_ids, read_predictions


def written(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        '[{"id": 1, "answer": "a", "score": 0.5}, {"answer": "é", "id": 2}]',
        '{"id": 1, "answer": "a"}\n{"id": 2, "answer": "é"}\n',
        '\ufeff{"id": 1, "answer": "a"}\r\n\r\n{"id": 2, "answer": "\\u00e9"}\r\n',
        ' \n[\n{"id": 1, "answer": "a"},\n{"id": 2, "answer": "é"}]\n',
    ],
)
def test_arrays_and_lines(tmp_path: Path, content: str) -> None:
    path = written(tmp_path / "p", content)
    assert read_predictions(path, "id", "answer", id_type=int) == {1: "a", 2: "é"}
    assert read_predictions(path, "id", "answer", id_type=str) == {"1": "a", "2": "é"}


def test_nothing_predicted(tmp_path: Path) -> None:
    assert read_predictions(written(tmp_path / "p", "[]"), "id", "answer", id_type=int) == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"id": "1", "answer": "a"}]', r"\[0\]\.id: .*`int`, got `str`"),
        ('[{"id": 1.0, "answer": "a"}]', r"`int`, got `float`"),
        ('[{"id": true, "answer": "a"}]', r"`int`, got `bool`"),
        ('[{"id": 1}]', "missing required field `answer`"),
        ('{"id": 1, "answer": "a"}\n\n{"id": 2, "answer": null}\n', r"line 3, answer: .*got `null`"),
        ('{"id": 1, "answer": "a"}\n{"id": 2, "answ', "line 2: .*break off"),
        ('[{"id": 1, "answer": "a"}, {"id": 2, "answer": "b"}, {"id": 1, "answer": "c"}]', "1 repeated: 1; keep one"),
        ('{"1": "a"}', "missing required field `id`"),
        ('[{"id": 1, "answer": "\\udc00"}]', "half of a surrogate pair"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(PredictionError, match=words):
        read_predictions(written(tmp_path / "p", content), "id", "answer", id_type=int)


def test_numbers_and_text_are_the_same_text_id(tmp_path: Path) -> None:
    path = written(tmp_path / "p", '[{"id": 7, "answer": "a"}, {"id": "7", "answer": "b"}]')
    with pytest.raises(PredictionError, match="1 repeated: '7'"):
        read_predictions(path, "id", "answer", id_type=str)


def test_unknown_ids() -> None:
    check_ids({1: "a"}, [1, 2], "results.json")
    with pytest.raises(
        PredictionError, match=r"results\.json: expected ids among the 2 .* found 4 unknown: 5, 6, 7, …"
    ):
        check_ids(dict.fromkeys([1, 5, 6, 7, 8], "a"), [1, 2], "results.json")


@pytest.mark.parametrize("content", ["", "\n", " \r\n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(PredictionError, match="an empty file"):
        read_predictions(written(tmp_path / "p", content), "id", "answer", id_type=int)
