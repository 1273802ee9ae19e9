"""`score`: official files in, results out; ids and types are checked before anything is scored."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from evals.errors import AnnotationError, EvalsError, PredictionError
from evals.harness import offline
from shards.errors import AnymodalError, UsageError

GOLDEN = Path(__file__).parent.parent / "golden"
SYNONYMS = Path(__file__).parents[3] / "shared" / "data" / "text" / "chair_synonyms.txt"
needs_synonyms = pytest.mark.skipif(not SYNONYMS.is_file(), reason="needs ../shared/data/text/chair_synonyms.txt")


def vqa(predictions: Path, **settings: Any) -> offline.OfflineScore:
    folder = GOLDEN / "vqa"
    chosen: dict[str, Any] = {"revision": "official", "strict": False, "seed": 0} | settings
    return offline.vqa(folder / "questions.json", folder / "annotations.json", predictions, **chosen)


def test_vqa_equals_the_official_scorer_overall_and_per_type() -> None:
    expected = json.loads((GOLDEN / "vqa/expected.json").read_bytes())
    for revision, name in (("official", "revision_2021_03"), ("official-before-2021", "revision_before")):
        score = vqa(GOLDEN / "vqa/results.json", revision=revision)
        assert score.result.value == pytest.approx(expected[name]["overall"], abs=1e-9)
        assert score.result.protocol == f"vqa@{revision}"
        assert score.result.breakdown["answer_type"] == pytest.approx(expected[name]["perAnswerType"], abs=1e-9)
        assert score.result.breakdown["question_type"] == pytest.approx(expected[name]["perQuestionType"], abs=1e-9)
        per_question = {row.id: 100 * (row.value or 0.0) for row in score.rows}
        assert per_question == pytest.approx(expected[name]["evalQA"], abs=1e-9)


def changed_results(tmp_path: Path, change: Any) -> Path:
    results = json.loads((GOLDEN / "vqa/results.json").read_bytes())
    change(results)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    return path


def test_a_missing_prediction_counts_as_wrong_or_is_refused(tmp_path: Path) -> None:
    path = changed_results(tmp_path, lambda results: results.pop())
    score = vqa(path)
    assert score.result.unscored == {"missing": 1}
    assert [row.unscored for row in score.rows].count("missing") == 1
    with pytest.raises(EvalsError, match="none for 1 of 500"):
        vqa(path, strict=True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda results: results.append(results[0]), "results.json"),
        (lambda results: results.append({"question_id": 10**9, "answer": "x"}), "1000000000"),
        (lambda results: results[5].update(answer=3), "answer"),
        (lambda results: results[5].update(question_id="x"), "question_id"),
        (lambda results: results[5].pop("answer"), "answer"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(tmp_path: Path, change: Any, told: str) -> None:
    with pytest.raises(AnymodalError, match=told):
        vqa(changed_results(tmp_path, change))


def test_questions_and_annotations_must_belong_together(tmp_path: Path) -> None:
    questions = json.loads((GOLDEN / "vqa/questions.json").read_bytes())
    questions["questions"].pop()
    (tmp_path / "q.json").write_text(json.dumps(questions))
    with pytest.raises(EvalsError, match="the same question ids"):
        offline.vqa(
            tmp_path / "q.json",
            GOLDEN / "vqa/annotations.json",
            GOLDEN / "vqa/results.json",
            revision="official",
            strict=False,
            seed=0,
        )


COCO = {
    "images": [{"id": n, "file_name": f"{n}.jpg"} for n in (1, 2, 3)],
    "annotations": [
        {"image_id": n, "id": 10 * n + k, "caption": text}
        for n, texts in {1: ["a red car", "the car"], 2: ["two dogs run", "dogs"], 3: ["a boat", "one boat"]}.items()
        for k, text in enumerate(texts)
    ],
}


def caption_files(tmp_path: Path, results: list[dict[str, Any]]) -> tuple[Path, Path]:
    (tmp_path / "references.json").write_text(json.dumps(COCO))
    (tmp_path / "results.json").write_text(json.dumps(results))
    return tmp_path / "references.json", tmp_path / "results.json"


def test_captions_are_scored_against_coco_references(tmp_path: Path) -> None:
    files = caption_files(tmp_path, [{"image_id": 1, "caption": "a red car"}, {"image_id": 2, "caption": "a boat"}])
    score = offline.caption(*files, metrics=("cider", "rouge"), tokenizer="whitespace", strict=False, seed=0)
    assert score.result.protocol == "cider@whitespace"
    assert score.result.unscored == {"missing": 1}
    values = {row.id: row.value for row in score.rows}
    assert values["1"] is not None
    assert values["1"] > 1
    assert (values["2"], values["3"]) == (0.0, None)
    assert set(score.result.metrics) == {"cider", "rouge_l"}
    assert score.result.metrics["cider"].value == score.result.value


def test_frozen_frequencies_make_a_parts_scores_equal_the_wholes(tmp_path: Path) -> None:
    results = [{"image_id": n, "caption": text} for n, text in ((1, "a red car"), (2, "two dogs"), (3, "one boat"))]
    whole_files = caption_files(tmp_path, results)
    chosen: dict[str, Any] = {"metrics": ("cider",), "tokenizer": "ptb", "strict": True, "seed": 0}
    whole = offline.caption(*whole_files, **chosen)
    (tmp_path / "part").mkdir()
    part = {name: [one for one in entries if one.get("image_id", one["id"]) < 3] for name, entries in COCO.items()}
    (tmp_path / "part" / "references.json").write_text(json.dumps(part))
    (tmp_path / "part" / "results.json").write_text(json.dumps(results[:2]))
    files = (tmp_path / "part" / "references.json", tmp_path / "part" / "results.json")
    frozen = offline.caption(*files, frequencies=whole_files[0], **chosen)
    assert frozen.result.protocol.startswith("cider@coco-frozen-df:")
    full = {row.id: row.value for row in whole.rows}
    assert {row.id: row.value for row in frozen.rows} == {name: pytest.approx(full[name]) for name in ("1", "2")}
    assert {row.id: row.value for row in offline.caption(*files, **chosen).rows} != {
        row.id: row.value for row in frozen.rows
    }


def test_clips_are_called_by_video_and_start(tmp_path: Path) -> None:
    table = tmp_path / "test.csv"
    table.write_text(
        "audiocap_id,youtube_id,start_time,caption\n1,abc-_DEF123,30,a bell\n2,abc-_DEF123,30,bells\n3,xyz,0,rain\n"
    )
    (tmp_path / "results.json").write_text(json.dumps([{"image_id": "abc-_DEF123_30", "caption": "a bell"}]))
    score = offline.caption(
        table, tmp_path / "results.json", metrics=("rouge",), tokenizer="whitespace", strict=False, seed=0
    )
    assert {row.id: row.value for row in score.rows} == {"abc-_DEF123_30": pytest.approx(1.0), "xyz_0": None}


def chair_files(tmp_path: Path) -> tuple[list[Path], list[Path], Path]:
    folder = GOLDEN / "chair"
    lines = (folder / "generated.jsonl").read_bytes().splitlines()
    (tmp_path / "r.json").write_text(json.dumps([json.loads(line) for line in lines]))
    parts = ("train2014", "val2014")
    return (
        [folder / f"instances_{part}.json" for part in parts],
        [folder / f"captions_{part}.json" for part in parts],
        tmp_path / "r.json",
    )


@needs_synonyms
def test_chair_equals_the_official_scorer(tmp_path: Path) -> None:
    expected = json.loads((GOLDEN / "chair/expected.json").read_bytes())
    score = offline.chair(*chair_files(tmp_path), synonyms=SYNONYMS, strict=False, seed=0)
    assert score.result.protocol == "chair@official"
    assert score.result.value == pytest.approx(0.5499573014517506, abs=1e-12)
    assert score.result.metrics["chair_s"].value == pytest.approx(0.6475, abs=1e-12)
    official = {str(one["image_id"]): one["CHAIRi"] for one in expected["sentences"]}
    assert {row.id: row.value for row in score.rows} == pytest.approx(official, abs=1e-12)


@needs_synonyms
def test_another_synonym_table_is_another_protocol(tmp_path: Path) -> None:
    official = SYNONYMS.read_bytes()
    (tmp_path / "same.txt").write_bytes(b"\xef\xbb\xbf" + official.replace(b"\n", b"\r\n"))
    (tmp_path / "more.txt").write_bytes(official.replace(b"person, ", b"person, wizard, "))
    files = chair_files(tmp_path)
    same, more = (
        offline.chair(*files, synonyms=tmp_path / name, strict=False, seed=0).result
        for name in ("same.txt", "more.txt")
    )
    assert (same.protocol, same.value) == ("chair@official", pytest.approx(0.5499573014517506))
    assert more.protocol.startswith("chair@synonyms-")


def test_an_empty_synonym_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(AnnotationError, match="a line of synonyms"):
        offline.chair(*chair_files(tmp_path), synonyms=tmp_path / "none.txt", strict=False, seed=0)


@pytest.mark.parametrize("name", ["x", "-1", "99999999", "0801961", "9" * 5000])
def test_captions_of_unknown_images_are_refused(tmp_path: Path, name: str) -> None:
    instances, captions, path = chair_files(tmp_path)
    path.write_text(json.dumps([{"image_id": name, "caption": "a dog"}]))
    with pytest.raises(PredictionError):
        offline.chair(instances, captions, path, synonyms=None, strict=False, seed=0)


def test_boxes_are_scored_against_references(tmp_path: Path) -> None:
    references = [
        {"id": "a", "width": 100, "height": 200, "bbox": [10, 20, 30, 40], "expression": "left"},
        {"id": "b", "width": 100, "height": 200, "bbox": [0, 0, 50, 50], "expression": "right"},
    ]
    (tmp_path / "refs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in references))
    answers = [{"id": "a", "answer": "{<10><10><40><30>}"}, {"id": "b", "answer": "no box"}]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(one) + "\n" for one in answers))
    score = offline.refcoco(
        tmp_path / "refs.jsonl",
        tmp_path / "r.jsonl",
        instances=None,
        split="",
        boxes="grid100",
        protocol="refcoco@iou.5",
        strict=False,
        seed=0,
    )
    assert (score.result.value, score.result.unit, sum(score.result.unscored.values())) == (50.0, "percent", 1)


def test_pickled_references_need_their_instances(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--instances"):
        offline.refcoco(
            tmp_path / "refs(unc).p",
            tmp_path / "r.jsonl",
            instances=None,
            split="val",
            boxes="grid100",
            protocol="refcoco@iou.5",
            strict=False,
            seed=0,
        )


def test_rows_are_written_as_parquet_or_json_lines(tmp_path: Path) -> None:
    rows = vqa(GOLDEN / "vqa/results.json").rows
    offline.write_rows(tmp_path / "rows.parquet", rows)
    offline.write_rows(tmp_path / "rows.jsonl", rows)
    from_parquet = {row["id"]: row["value"] for row in pq.read_table(tmp_path / "rows.parquet").to_pylist()}
    lines = (tmp_path / "rows.jsonl").read_bytes().splitlines()
    from_lines = {row["id"]: row["value"] for row in map(msgspec.json.decode, lines)}
    assert from_parquet == from_lines == {row.id: row.value for row in rows}


@pytest.mark.parametrize("spelling", ["", ",", "cider,wer"])
def test_unknown_metrics_are_wrong_usage(spelling: str) -> None:
    with pytest.raises(UsageError, match="some of bleu"):
        offline.parse_metrics(spelling)
    assert offline.parse_metrics(" cider, bleu,cider ") == ("cider", "bleu")
