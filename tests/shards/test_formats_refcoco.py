"""Referring expressions from JSON lines and from the original pickle beside COCO's instances."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from shards.formats.errors import AnnotationError
from shards.formats.instances import CocoObject, read_instances
from shards.formats.refcoco import RecReference, read_refer, read_references

LINE = {"id": 5, "width": 640, "height": 480, "bbox": [1, 2.5, 30, 40], "expression": "the cup"}
REF = {
    "ref_id": 11,
    "ann_id": 21,
    "category_id": 1,
    "image_id": 31,
    "file_name": "COCO_train2014_000000000031_21.jpg",
    "sent_ids": [41, 42],
    "split": "testA",
    "sentences": [
        {"sent_id": 41, "sent": "man left", "raw": "Man, left", "tokens": ["man", "left"]},
        {"sent_id": 42, "sent": "café", "raw": "café", "tokens": ["café"]},
    ],
}
INSTANCES = {
    "images": [{"id": 31, "file_name": "a.jpg", "width": 640, "height": 480, "license": 1}],
    "annotations": [
        {"id": 21, "image_id": 31, "category_id": 1, "bbox": [1, 2, 3.5, 4], "segmentation": [[1, 2]], "iscrowd": 0}
    ],
    "categories": [{"id": 1, "name": "person", "supercategory": "person"}],
}


def lines(path: Path, *entries: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def original(folder: Path, refs: object, instances: dict[str, Any] = INSTANCES) -> tuple[Path, Path]:
    (folder / "refs(unc).p").write_bytes(pickle.dumps(refs, protocol=0))
    (folder / "instances.json").write_text(json.dumps(instances))
    return folder / "refs(unc).p", folder / "instances.json"


def test_json_lines(tmp_path: Path) -> None:
    path = lines(tmp_path / "r.jsonl", LINE, LINE | {"id": "x", "image_id": 7, "object_id": "o"})
    assert read_references(path) == (
        RecReference("5", 640, 480, (1, 2.5, 30, 40), "the cup"),
        RecReference("x", 640, 480, (1, 2.5, 30, 40), "the cup", "7", "o"),
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 0}, r"id 6: expected a positive image size and a finite box, found size 0\.0 x 480"),
        ({"bbox": [0, 0, -1, 5]}, "a finite box"),
        ({"bbox": [0, 0, 5]}, r"line 2, bbox: .*length 4"),
        ({"expression": None}, r"line 2, expression"),
        ({"id": 5}, "id 5 2 times"),
        ({"id": [5]}, "line 2, id"),
    ],
)
def test_broken_lines_are_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(AnnotationError, match=words):
        read_references(lines(tmp_path / "r.jsonl", LINE, LINE | {"id": 6} | change))


def test_original_files(tmp_path: Path) -> None:
    refs, instances = original(tmp_path, [REF, REF | {"split": "val", "ref_id": 12}])
    assert read_refer(refs, instances, split="testA") == (
        RecReference("41", 640, 480, (1, 2, 3.5, 4), "man left", "31", "11", "21", "testA", "a.jpg"),
        RecReference("42", 640, 480, (1, 2, 3.5, 4), "café", "31", "11", "21", "testA", "a.jpg"),
    )
    assert read_instances(instances).annotations == (CocoObject(31, 1, 21, (1, 2, 3.5, 4)),)


@pytest.mark.parametrize(
    ("refs", "instances", "words"),
    [
        ([REF | {"split": "val"}], INSTANCES, "expected references of split testA, found splits: val"),
        ([], INSTANCES, "found splits: none"),
        ([REF | {"ann_id": "21"}], INSTANCES, r"`int`, got `str` - at `\$\[0\]\.ann_id`"),
        ({"a": 1}, INSTANCES, "got `object`"),
        ([REF], INSTANCES | {"images": []}, "ref_id 11: expected image 31 .* found no such image"),
        ([REF], INSTANCES | {"annotations": []}, "found no such annotation with a box"),
        ([REF], {"images": []}, "missing required field `annotations`"),
        ([REF, REF], INSTANCES, "id 41 2 times"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path: Path, refs: object, instances: dict[str, Any], words: str) -> None:
    with pytest.raises(AnnotationError, match=words):
        read_refer(*original(tmp_path, refs, instances), split="testA")
