"""`score` at its edges: line ends inside captions, clips of one video, strict CHAIR, declared boxes, absurd truths."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from anymodal.app import call
from evals.errors import EvalsError, PredictionError
from evals.harness import offline
from shards.errors import UsageError
from shards.formats.boxes import BoxGrammar

GOLDEN = Path(__file__).parents[1] / "golden"


def coco(folder: Path, captions: list[str], results: list[str]) -> tuple[Path, Path]:
    """Three images with a reference each, and a caption for each."""
    references = {
        "images": [{"id": number} for number in range(3)],
        "annotations": [{"image_id": number, "caption": text} for number, text in enumerate(captions)],
    }
    rows = [{"image_id": number, "caption": text} for number, text in enumerate(results)]
    paths = folder / "references.json", folder / "results.json"
    for path, content in zip(paths, (references, rows), strict=True):
        path.write_text(json.dumps(content))
    return paths


def caption(files: tuple[Path, Path], **settings: Any) -> offline.OfflineScore:
    chosen: dict[str, Any] = {"metrics": ("rouge",), "tokenizer": "ptb", "strict": False, "seed": 0} | settings
    return offline.caption(*files, **chosen)


@pytest.mark.parametrize("end", ["\r", "\r\n", "\v", "\f", "\u2028", "\u2029"])
def test_a_line_end_inside_a_caption_is_told(tmp_path: Path, end: str) -> None:
    plain = ["a dog", "a cat", "a cow"]
    # As the official tokenizer: the second line of caption 0 goes to item 1, and caption 1 to item 2.
    moved = caption(coco(tmp_path, plain, ["a dog" + end + " a cat", "a cow", "a hen"]))
    assert [row.value for row in moved.rows] == [1.0, 1.0, 1.0]
    assert [note.partition(";")[0] for note in moved.notes] == ["predictions: 1 with a line end inside, such as id 0"]
    in_truth = caption(coco(tmp_path, ["a dog", "a cat" + end + "x", "a cow"], plain))
    assert [note.partition(";")[0] for note in in_truth.notes] == ["references: 1 with a line end inside, such as id 1"]
    assert caption(coco(tmp_path, plain, [text + "\n" for text in plain])).notes == []
    assert caption(coco(tmp_path, plain, [text + end for text in plain]), tokenizer="whitespace").notes == ()


def test_a_carriage_return_at_the_very_end_moves_nothing_unless_a_newline_follows(tmp_path: Path) -> None:
    plain = ["a dog", "a cat", "a cow"]
    found = caption(coco(tmp_path, plain, [text + "\r" for text in plain]))
    assert ([row.value for row in found.rows], found.notes) == ([1.0, 1.0, 1.0], [])
    # The newline becomes a blank, and so a line of its own, as pycocoevalcap 1.2 has it.
    windows = caption(coco(tmp_path, plain, ["a dog\r\n", "a cat", "a cow"]))
    assert [row.value for row in windows.rows] == pytest.approx([1.0, 0.0, 0.5])  # nothing, and "a cat" for "a cow"
    assert windows.notes[0].startswith("predictions: 1 with a line end inside, such as id 0;")


def test_the_note_stands_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    references, results = coco(tmp_path, ["a dog", "a cat", "a cow"], ["a\rdog", "a cat", "a cow"])
    with pytest.raises(SystemExit):
        call(["score", "caption", f"--references={references}", f"--predictions={results}", "--json"])
    shown = capsys.readouterr()
    assert "such as id 0; the official tokenizer moves the rest" in shown.err
    assert json.loads(shown.out)["n"] == 3


@pytest.mark.parametrize("name", ["rows.xlsx", "rows", "none/rows.jsonl", "references.json/rows.parquet"])
def test_rows_that_cannot_be_written_are_refused_before_scoring(tmp_path: Path, name: str) -> None:
    references, _ = coco(tmp_path, ["a dog", "a cat", "a cow"], [])
    arguments = [f"--references={references}", "--predictions=none.json", f"--per-sample={tmp_path / name}"]
    with pytest.raises(UsageError, match=f"--per-sample: .* in a folder that exists, found .*/{name}"):
        call(["score", "caption", *arguments])


def test_clips_of_one_video_are_drawn_together(tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_text("audiocap_id,youtube_id,start_time,caption\n1,abc,30,a bell\n2,abc,50,rain\n3,xyz,0,rain\n")
    (tmp_path / "r.json").write_text(json.dumps([{"image_id": "abc_30", "caption": "a bell"}]))
    found = caption((table, tmp_path / "r.json"))
    assert {row.id: row.cluster for row in found.rows} == {"abc_30": "abc", "abc_50": "abc", "xyz_0": "xyz"}
    table.write_text("audiocap_id,youtube_id,start_time,caption\n1,abc,30,a bell\n2,abc,50,rain\n")
    assert caption((table, tmp_path / "r.json")).result.interval is None  # one video: its spread is unknown


def chair(tmp_path: Path, *, strict: bool) -> offline.OfflineScore:
    lines = (GOLDEN / "chair" / "generated.jsonl").read_bytes().splitlines()
    (tmp_path / "r.json").write_text(json.dumps([json.loads(line) for line in lines]))
    instances, captions = (
        [GOLDEN / "chair" / f"{name}_{part}2014.json" for part in ("train", "val")]
        for name in ("instances", "captions")
    )
    return offline.chair(instances, captions, tmp_path / "r.json", synonyms=None, strict=strict, seed=0)


def test_strict_chair_asks_for_all_images(tmp_path: Path) -> None:
    with pytest.raises(EvalsError, match="none for 12 of 412"):
        chair(tmp_path, strict=True)
    found = chair(tmp_path, strict=False).result
    assert found.n == 400


def test_length_has_an_interval_of_its_captions(tmp_path: Path) -> None:
    found = chair(tmp_path, strict=False)
    length, counts = found.result.metrics["length"], [row.metrics["length"] for row in found.rows]
    assert (length.value, length.interval is not None) == (pytest.approx(sum(counts) / 400), True)
    assert length.interval is not None
    mean = sum(counts) / 400
    error = (sum((one - mean) ** 2 for one in counts) / 400 / 400) ** 0.5
    assert (length.interval.low, length.interval.high) == pytest.approx(
        (mean - 1.96 * error, mean + 1.96 * error), rel=0.02
    )


def rec(tmp_path: Path, *, boxes: BoxGrammar = "grid100", bbox: tuple[float, ...] = (10, 10, 20, 20)) -> Any:
    reference = {"id": 1, "width": 100, "height": 100, "bbox": bbox, "expression": "x"}
    (tmp_path / "refs.jsonl").write_text(json.dumps(reference))
    (tmp_path / "r.jsonl").write_text(json.dumps({"id": 1, "answer": "{<10><10><30><30>}"}))
    settings: dict[str, Any] = {"instances": None, "split": "", "protocol": "refcoco@iou.5", "strict": True, "seed": 0}
    return offline.refcoco(tmp_path / "refs.jsonl", tmp_path / "r.jsonl", boxes=boxes, **settings).result


def test_another_spelling_of_boxes_is_another_protocol(tmp_path: Path) -> None:
    spellings: tuple[BoxGrammar, ...] = ("grid100", "unit", "grid1000", "pixel")
    found = [rec(tmp_path, boxes=boxes) for boxes in spellings]
    assert len({one.protocol_id for one in found}) == 4
    assert [one.value for one in found] == [100.0, 0.0, 0.0, 0.0]


def test_a_truth_beyond_float64_warns_of_nothing(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rec(tmp_path, bbox=(1e308, 1e308, 1e308, 1e308)).value == 0.0


def test_an_id_of_a_million_characters_is_told_in_short(tmp_path: Path) -> None:
    references, results = coco(tmp_path, ["a dog", "a cat", "a cow"], [])
    results.write_text(json.dumps([{"image_id": "x" * 10**6, "caption": "a dog"}]))
    with pytest.raises(PredictionError, match="1 unknown: 'xxx") as told:
        caption((references, results))
    assert len(str(told.value)) < 1000
