"""Official submission files, both ways: answers given elsewhere become runs, runs become submissions."""

import json
from pathlib import Path

import pytest

from anymodal.app import call
from evals.harness import offline
from evals.results import read_run
from shards.errors import AnymodalError, UsageError
from tests.official_files import write_official


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_official(tmp_path_factory.mktemp("official"))


def anymodal(*arguments: str | Path) -> None:
    with pytest.raises(SystemExit) as ended:
        call(list(map(str, arguments)))
    assert ended.value.code == 0


def imported(task: str, rows: list[object], data: Path, folder: Path) -> Path:
    (folder / "R.json").write_text(json.dumps(rows))
    arguments = ["--predictions", folder / "R.json", "--model", "mine", "--data", data, "--out", folder / "run"]
    anymodal("import", "--task", task, *arguments)
    return folder / "run"


@pytest.mark.parametrize(
    ("task", "to", "rows"),
    [
        ("okvqa", "vqa", [{"question_id": 251, "answer": "dog"}, {"question_id": 421, "answer": "cat"}]),
        ("chair", "coco", [{"image_id": 25, "caption": "a cat"}, {"image_id": 42, "caption": "a man"}]),
        ("refcoco", "answers", [{"id": 41, "answer": "{<0><0><9><9>}"}, {"id": 42, "answer": "{<1><0><9><9>}"}]),
        ("audiocaps", "coco", [{"image_id": "test-_x_30", "caption": "a dog barks"}]),
    ],
)
def test_submissions_come_back_as_they_were(data: Path, tmp_path: Path, task: str, to: str, rows: list[object]) -> None:
    run = imported(task, rows, data, tmp_path)
    anymodal("export", run, "--to", to, "--out", tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_bytes()) == rows


def test_an_imported_run_has_the_official_number_and_says_what_it_does_not_know(data: Path, tmp_path: Path) -> None:
    rows: list[object] = [{"question_id": 251, "answer": "Cats"}, {"question_id": 421, "answer": "the dog."}]
    run = read_run(imported("okvqa", rows, data, tmp_path))
    files = [
        data / f"okvqa/{name}.json" for name in ("OpenEnded_mscoco_val2014_questions", "mscoco_val2014_annotations")
    ]
    expected = offline.vqa(*files, tmp_path / "R.json", revision="official", strict=True, seed=0).result
    assert run.result.value == expected.value == 50.0  # six of ten said dog, nobody said cats
    assert (run.run.model, run.run.protocol.prompt, run.run.protocol.decoding) == ("mine", "unknown", "unknown")
    assert {row.id: row.answer for row in run.generations()} == {"251": "Cats", "421": "the dog."}


def test_absent_answers_are_unscored_and_empty_in_a_submission(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = imported("okvqa", [{"question_id": 251, "answer": "dog"}], data, tmp_path)
    assert read_run(run).result.unscored == {"missing": 1}
    anymodal("export", run, "--to", "vqa", "--out", tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_bytes())[1] == {"question_id": 421, "answer": ""}
    assert "1 of them are empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    "rows", [[{"question_id": 999, "answer": "dog"}], [{"image_id": 251, "caption": "dog"}], {"251": "dog"}]
)
def test_files_for_other_questions_are_refused(data: Path, tmp_path: Path, rows: list[object]) -> None:
    with pytest.raises(AnymodalError, match="expected"):
        imported("okvqa", rows, data, tmp_path)
    assert not (tmp_path / "run").exists()


def test_a_run_goes_into_its_own_format_only(data: Path, tmp_path: Path) -> None:
    run = imported("okvqa", [], data, tmp_path)
    with pytest.raises(UsageError, match="expected vqa, found coco"):
        anymodal("export", run, "--to", "coco", "--out", tmp_path / "x.json")
    assert not (tmp_path / "x.json").exists()
