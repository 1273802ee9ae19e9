"""Whether files are the official edition: counts, ids, names, and which other edition they are."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from anymodal.app import call
from evals.benchmarks import BENCHMARKS
from evals.harness.data_check import Finding, check_data, edition_of
from tests.official_files import IMAGES, image_name, vqa_annotation, vqa_question, write_json, write_official

Change = Callable[[Path], None]


def findings(task: str, data: Path) -> dict[str, Finding]:
    return {one.what: one for one in check_data(task, data)}


def write_okvqa(data: Path, n: int) -> None:
    """So many questions about one image, ten answers each."""
    questions = [vqa_question(number, 25, "Why?") for number in range(n)]
    annotations = [vqa_annotation(number, 25, *["a"] * 10) for number in range(n)]
    write_json(data / "okvqa/OpenEnded_mscoco_val2014_questions.json", {"questions": questions})
    write_json(data / "okvqa/mscoco_val2014_annotations.json", {"annotations": annotations})


def test_the_official_edition_is_recognised(tmp_path: Path) -> None:
    write_official(tmp_path)
    write_okvqa(tmp_path, 5_046)
    found = check_data("okvqa:val2014", tmp_path)
    assert {(one.what, one.found) for one in found} == {
        ("items", "5,046"),
        ("answers or captions", "50,460"),
        ("different ids", "5,046"),
        ("media files", "1"),
    }
    assert edition_of(found) == "official"
    assert edition_of(check_data("okvqa", tmp_path)) == "other"  # the few training questions differ
    (tmp_path / "okvqa/OpenEnded_mscoco_train2014_questions.json").unlink()
    assert edition_of(check_data("okvqa", tmp_path)) == "official"  # what is absent does no harm
    assert edition_of(check_data("okvqa", tmp_path / "nothing")) == "other"


def test_the_cleaned_subset_is_named(tmp_path: Path) -> None:
    write_official(tmp_path)
    write_okvqa(tmp_path, 4_456)
    one = findings("okvqa:val2014", tmp_path)["items"]
    assert (one.expected, one.found, one.verdict) == ("5,046", "4,456 (MiniGPT-v2's cleaned subset)", "differs")


def newer_names(data: Path) -> None:
    for image_id, (split, _, _) in IMAGES.items():
        folder = data / "images" / split
        (data / "images" / split.replace("2014", "2017")).mkdir(exist_ok=True)
        (folder / image_name(image_id)).rename(data / "images" / split.replace("2014", "2017") / f"{image_id:012d}.jpg")


def newer_names_in_the_old_folder(data: Path) -> None:
    (data / "images/val2014" / image_name(25)).rename(data / "images/val2014/000000000025.jpg")


def lost_image(data: Path) -> None:
    (data / "images/val2014" / image_name(42)).unlink()


def other_ids(data: Path) -> None:
    for path in (data / "vqav2").iterdir():
        path.write_text(path.read_text().replace("25001", "26001"))


def repeated_question(data: Path) -> None:
    path = data / "vqav2/v2_OpenEnded_mscoco_val2014_questions.json"
    content = json.loads(path.read_bytes())
    write_json(path, {"questions": content["questions"] + content["questions"][:1]})


def cut_file(data: Path) -> None:
    path = data / "vqav2/v2_mscoco_val2014_annotations.json"
    path.write_bytes(path.read_bytes()[:-9])


def no_files(data: Path) -> None:
    for path in (data / "vqav2").iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("change", "what", "found", "verdict"),
    [
        (lambda data: None, "media files", "2", "agrees"),
        (newer_names, "media files", "0 (COCO 2017's names, such as 000000000025.jpg)", "differs"),
        (newer_names_in_the_old_folder, "media files", "1 (COCO 2017's names, such as 000000000025.jpg)", "differs"),
        (lost_image, "media files", "1 (missing: {data}/images/val2014/COCO_val2014_000000000042.jpg)", "differs"),
        (lambda data: None, "question_id is image_id and three digits", "2", "agrees"),
        (other_ids, "question_id is image_id and three digits", "1", "differs"),
        (repeated_question, "different ids", "2", "differs"),
        (lambda data: None, "items", "2", "differs"),
        (cut_file, "files", "{data}/vqav2/v2_mscoco_val2014_annotations.json: ", "differs"),
        (no_files, "files", "no {data}/vqav2/v2_OpenEnded_mscoco_val2014_questions.json", "absent"),
    ],
)
def test_what_differs_is_told(tmp_path: Path, change: Change, what: str, found: str, verdict: str) -> None:
    change(write_official(tmp_path))
    one = findings("vqav2:val2014", tmp_path)[what]
    assert one.found.startswith(found.format(data=tmp_path))
    assert one.verdict == verdict


def test_objects_of_expressions_are_counted(tmp_path: Path) -> None:
    write_official(tmp_path)
    one = findings("refcoco:val", tmp_path)
    assert (one["items"].found, one["items"].expected) == ("2", "10,834")
    assert (one["objects meant"].found, one["objects meant"].expected) == ("1", "3,811")


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_can_be_checked(tmp_path: Path, name: str) -> None:
    found = check_data(name, write_official(tmp_path))
    assert {one.split for one in found} == set(BENCHMARKS[name].splits)
    assert edition_of(found) == ("other" if BENCHMARKS[name].sizes else "unknown")


def test_the_verb_answers_with_its_exit_code(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    write_official(tmp_path)
    write_okvqa(tmp_path, 5_046)
    for task, code in (("okvqa:val2014", 0), ("okvqa", 1), ("ego4d_imu", 3)):
        with pytest.raises(SystemExit) as ended:
            call(["data", "check", task, str(tmp_path), "--json"])
        assert ended.value.code == code
        assert json.loads(capsysbinary.readouterr().out)["edition"] == {0: "official", 1: "other", 3: "unknown"}[code]
