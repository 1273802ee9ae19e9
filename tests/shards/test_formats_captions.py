"""Caption files: read, written, and refused."""

import json
from pathlib import Path

import pytest

from shards.formats.captions import (
    AudioClip,
    CocoCaptions,
    read_audiocaps,
    read_caption_results,
    read_coco_captions,
    write_audiocaps,
    write_coco_captions,
)
from shards.formats.errors import AnnotationError, PredictionError
from shards.formats.predictions import write_submission

SHARED = Path(__file__).parents[3] / "shared" / "data" / "text"
COCO = {
    "info": {"year": 2014},
    "licenses": [],
    "images": [
        {"id": 9, "file_name": "COCO_val2014_000000000009.jpg", "width": 640, "height": 480, "license": 3},
        {"id": 25, "file_name": "COCO_val2014_000000000025.jpg"},
        {"id": 7, "file_name": "no_caption.jpg"},
    ],
    "annotations": [
        {"image_id": 25, "id": 3, "caption": "A giraffe."},
        {"image_id": 9, "id": 1, "caption": "A plate\nof food"},
        {"image_id": 25, "id": 2, "caption": "Two giraffes \u2028 eat"},
    ],
}


def test_coco_captions_are_grouped_by_image(tmp_path: Path) -> None:
    path = tmp_path / "captions_val2014.json"
    path.write_text(json.dumps(COCO))
    captions = read_coco_captions(path)
    assert captions.references == {"9": ("A plate\nof food",), "25": ("A giraffe.", "Two giraffes \u2028 eat")}
    assert list(captions.references) == ["9", "25"]
    assert captions.file_names["7"] == "no_caption.jpg"


def test_coco_captions_come_back_as_written(tmp_path: Path) -> None:
    captions = CocoCaptions({"9": ("a", 'b "c"'), "25": ("é",)}, {"9": "9.jpg", "25": "25.jpg", "7": "7.jpg"})
    write_coco_captions(tmp_path / "captions.json", captions)
    assert read_coco_captions(tmp_path / "captions.json") == captions
    numbers = [row["id"] for row in json.loads((tmp_path / "captions.json").read_text())["annotations"]]
    assert numbers == [1, 2, 3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"annotations": [{"image_id": 1, "caption": "a"}]}, r"annotations\[0\]: expected an image_id that is listed"),
        ({"annotations": [{"image_id": 9, "caption": None}]}, r"annotations\[0\]\.caption"),
        ({"annotations": [{"image_id": "9", "caption": "a"}]}, r"annotations\[0\]\.image_id"),
        ({"images": {}}, "images"),
    ],
)
def test_broken_coco_captions_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({**COCO, **change}))
    with pytest.raises(AnnotationError, match=message):
        read_coco_captions(path)


def test_missing_and_truncated_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no such file"):
        read_coco_captions(tmp_path / "none.json")
    (tmp_path / "half.json").write_text(json.dumps(COCO)[:-20])
    with pytest.raises(AnnotationError, match="break off or are malformed"):
        read_coco_captions(tmp_path / "half.json")


def test_results_keep_ids_as_coco_writes_them(tmp_path: Path) -> None:
    captions = {"404464": "a man", "clip_07": "", "007": "é"}
    write_submission(tmp_path / "results.json", "coco", captions)
    rows = json.loads((tmp_path / "results.json").read_bytes())
    assert [row["image_id"] for row in rows] == [404464, "clip_07", "007"]
    assert read_caption_results(tmp_path / "results.json") == captions


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"image_id": 1, "caption": "a"}, {"image_id": "1", "caption": "b"}], "1 repeated: '1'"),
        ([{"image_id": 1, "caption": None}], "caption"),
        ([{"image_id": 1}], "caption"),
    ],
)
def test_broken_results_are_refused(tmp_path: Path, rows: list[object], message: str) -> None:
    (tmp_path / "results.json").write_text(json.dumps(rows))
    with pytest.raises(PredictionError, match=message):
        read_caption_results(tmp_path / "results.json")


def test_audiocaps_rows_of_a_clip_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "val.csv"
    path.write_bytes(
        b"\xef\xbb\xbfaudiocap_id,youtube_id,start_time,caption\r\n"
        b'1,-ab_C,30,"A dog barks, ""loudly"""\r\n2,xyz,0,Rain\r\n3,-ab_C,30,"Barking\nand wind"\r\n4,-ab_C,40,Wind\r\n'
    )
    clips = read_audiocaps(path)
    assert clips == (
        AudioClip("-ab_C", 30, ("1", "3"), ('A dog barks, "loudly"', "Barking\nand wind")),
        AudioClip("xyz", 0, ("2",), ("Rain",)),
        AudioClip("-ab_C", 40, ("4",), ("Wind",)),
    )
    write_audiocaps(tmp_path / "again.csv", clips)
    assert read_audiocaps(tmp_path / "again.csv") == clips


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found the header ''"),
        (b"id,caption\n1,a\n", "found the header 'id,caption'"),
        (b"audiocap_id,youtube_id,start_time,caption\n1,a,0\n", "line 2: expected audiocap_id"),
        (b"audiocap_id,youtube_id,start_time,caption\n1,a,1.5,b\n", "line 2: .*whole seconds"),
        (b"audiocap_id,youtube_id,start_time,caption\n1,a,-1,b\n", "line 2: .*whole seconds"),
        (b'audiocap_id,youtube_id,start_time,caption\n1,a,1,"b\n', "unexpected end of data"),
        (b"audiocap_id,youtube_id,start_time,caption\n1,a,1,\xff\n", "in UTF-8"),
    ],
)
def test_broken_audiocaps_tables_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "val.csv").write_bytes(content)
    with pytest.raises(AnnotationError, match=message):
        read_audiocaps(tmp_path / "val.csv")


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_the_official_files(tmp_path: Path) -> None:
    validation = read_audiocaps(SHARED / "audiocaps_val.csv")
    assert (len(validation), {len(clip.captions) for clip in validation}) == (495, {5})
    assert len(read_audiocaps(SHARED / "audiocaps_train.csv")) == 49838
    results = read_caption_results(SHARED / "coco_val2014_fakecap_results.json")
    assert (len(results), results["404464"][:15]) == (1000, "black and white")
    write_submission(tmp_path / "results.json", "coco", results)
    expected = json.loads((SHARED / "coco_val2014_fakecap_results.json").read_text())
    assert json.loads((tmp_path / "results.json").read_text()) == expected
