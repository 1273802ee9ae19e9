"""Official files to samples and back: what was read is what is written, beyond fields that nobody reads."""

import csv
import json
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from shards.codec import decode_sample, encode_sample
from shards.errors import SampleError
from shards.formats.captions import read_audiocaps, read_coco_captions, write_audiocaps, write_coco_captions
from shards.formats.instances import read_instances, write_instances
from shards.formats.refcoco import read_refer, write_refer
from shards.formats.samples import (
    audio_clip,
    clip_sample,
    coco_captions,
    coco_samples,
    refer_reference,
    refer_sample,
    vqa_question,
    vqa_sample,
    vqa_truth,
)
from shards.formats.vqa import read_annotations, read_questions, write_annotations, write_questions
from shards.sample import Answers, References, Sample
from tests.official_files import write_official

SHARED = Path(__file__).parents[3] / "shared" / "data" / "text"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_official(tmp_path_factory.mktemp("official"))


def stored(samples: Iterable[Sample]) -> list[Sample]:
    """The samples after a way through a shard's JSON, whose keys are unique."""
    samples = list(samples)
    assert len({one.key for one in samples}) == len(samples)
    return [decode_sample(encode_sample(one), place="test") for one in samples]


def without(entry: Any, *names: str) -> Any:
    """JSON without the fields of these names, at any depth."""
    if isinstance(entry, dict):
        return {name: without(value, *names) for name, value in entry.items() if name not in names}
    return [without(one, *names) for one in entry] if isinstance(entry, list) else entry


def test_vqa(data: Path, tmp_path: Path) -> None:
    paths = [
        data / f"okvqa/{name}.json" for name in ("OpenEnded_mscoco_val2014_questions", "mscoco_val2014_annotations")
    ]
    pairs = zip(read_questions(paths[0]), read_annotations(paths[1]), strict=True)
    samples = stored(vqa_sample(question, truth, source="okvqa") for question, truth in pairs)
    assert {one.kind for one in samples} == {"vqa"}
    write_questions(tmp_path / "q.json", map(vqa_question, samples))
    truths = []
    for one in samples:
        assert isinstance(one.truth, Answers)
        truths.append(vqa_truth(str(one.meta["id"]), str(one.meta["image_id"]), one.truth))
    write_annotations(tmp_path / "a.json", truths)
    for path, again, name in zip(paths, ("q.json", "a.json"), ("questions", "annotations"), strict=True):
        official = json.loads(path.read_bytes())[name]
        unread = ("multiple_choice_answer", "raw_answer")
        assert json.loads((tmp_path / again).read_bytes())[name] == without(official, *unread)


def test_referring_expressions(data: Path, tmp_path: Path) -> None:
    refs, instances = data / "refcocog/refs(umd).p", data / "refcocog/instances.json"
    references = [
        one for split in ("val", "testA", "testB", "train", "test") for one in read_refer(refs, instances, split=split)
    ]
    samples = stored(refer_sample(one, source="refcocog") for one in references)
    again = [refer_reference(one) for one in samples]
    for one, other in zip(references, again, strict=True):
        assert other.bbox == pytest.approx(one.bbox, rel=1e-12)
    assert [(one.width, one.height) for one in again] == [(200.0, 100.0)] * 6
    write_refer(tmp_path / "refs(umd).p", again)
    official = pickle.loads(refs.read_bytes())
    unread = ("category_id", "sent_ids", "raw", "tokens", "file_name")
    assert without(pickle.loads((tmp_path / "refs(umd).p").read_bytes()), *unread) == without(official, *unread)
    write_instances(tmp_path / "instances.json", read_instances(instances))
    unread = ("license", "supercategory", "segmentation", "iscrowd")
    assert json.loads((tmp_path / "instances.json").read_bytes()) == without(
        json.loads(instances.read_bytes()), *unread
    )
    assert read_refer(tmp_path / "refs(umd).p", tmp_path / "instances.json", split="test") == tuple(references[-1:])


def test_coco_captions(data: Path, tmp_path: Path) -> None:
    official = data / "coco_captions/captions_val2014.json"
    samples = stored(coco_samples(read_coco_captions(official), source="coco"))
    assert samples[0].truth == References(("a dog sleeps", "the dog on a rug"))
    write_coco_captions(tmp_path / "captions.json", coco_captions(samples))
    written, expected = (json.loads(path.read_bytes()) for path in (tmp_path / "captions.json", official))
    assert without(written["annotations"], "id") == without(expected["annotations"], "id")
    assert written["images"] == without(expected["images"], "license", "width", "height")


@pytest.mark.parametrize("path", ["made", SHARED / "audiocaps_val.csv"])
def test_audiocaps(data: Path, tmp_path: Path, path: str | Path) -> None:
    official = data / "audiocaps/test.csv" if path == "made" else Path(path)
    if not official.is_file():
        pytest.skip("../shared/data is absent")
    samples = stored(clip_sample(one, source="audiocaps") for one in read_audiocaps(official))
    write_audiocaps(tmp_path / "again.csv", tuple(map(audio_clip, samples)))
    rows = [list(csv.reader(path.read_text().splitlines(keepends=True))) for path in (tmp_path / "again.csv", official)]
    assert sorted(rows[0]) == sorted(rows[1])


def test_a_sample_of_another_kind_has_no_way_back(data: Path) -> None:
    (clip,) = read_audiocaps(data / "audiocaps/test.csv")
    sample = clip_sample(clip, source="audiocaps")
    with pytest.raises(SampleError, match="expected Boxes as truth, found References"):
        refer_reference(sample)
