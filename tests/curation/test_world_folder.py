"""The world on disk: layout, official formats, same bytes, refusals and resumption."""

import csv
import hashlib
import io
import itertools
import json
import os
import pickle
import re
import subprocess
import sys
import wave
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from curation.errors import SourceError
from curation.sources.world import WorldSummary, oracle_caption, read_scenes, write_world
from curation.sources.world.pairs import read_world
from curation.sources.world.scene import COLOURS, KINDS, MODALITIES, PATTERNS, SIZES
from evals.metrics.chair import chair_truth
from evals.metrics.chair_objects import ObjectFinder, read_synonyms
from shards.errors import UsageError
from shards.formats.instances import read_instances
from shards.formats.refcoco import read_refer
from shards.formats.videos import MsrvttSplit, read_msrvtt, read_narrations, read_video_questions
from shards.formats.vqa import read_annotations, read_questions

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

SCENES = 15
ROOT = Path(__file__).parents[2]
PLACES = {
    *("left", "right", "above", "below", "top", "bottom", "upper", "lower", "middle", "center", "inside", "behind"),
    *("leftmost", "rightmost", "highest", "lowest", "higher", "underneath", "within", "front", "covering", "hidden"),
}
VALUES = {*KINDS, *COLOURS, *SIZES, *PATTERNS}


def ignore(_: int) -> None:
    """No progress is shown."""


def refuse(_: int) -> None:
    """No scene may be written."""
    pytest.fail("a scene was written")


def digests(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WorldSummary]:
    folder = tmp_path_factory.mktemp("worlds") / "new" / "world"
    return folder, write_world(folder, scenes=SCENES, seed=7, progress=ignore)


@pytest.fixture(scope="module")
def larger(small_world: Path) -> Path:
    """The world that all tests share: enough scenes for every split of every kind."""
    return small_world


def test_summary_counts_what_the_files_hold(world: tuple[Path, WorldSummary]) -> None:
    folder, summary = world
    assert summary.scenes == {"train": 9, "val": 3, "test": 3}
    assert summary.image_captions == {"train2014": 45, "val2014": 30}
    assert summary.audio_captions == {"train": 9, "val": 15, "test": 15}
    for part in ("train2014", "val2014"):
        questions = json.loads((folder / f"vqav2/v2_OpenEnded_mscoco_{part}_questions.json").read_bytes())
        assert len(questions["questions"]) == summary.questions[part]
        assert len(list((folder / "images" / part).glob(f"COCO_{part}_*.jpg"))) == len(
            json.loads((folder / f"coco_captions/captions_{part}.json").read_bytes())["images"]
        )


def test_manifest_lists_every_other_file_with_its_digest(world: tuple[Path, WorldSummary]) -> None:
    folder, _ = world
    manifest = json.loads((folder / "world.json").read_bytes())
    found = digests(folder)
    del found["world.json"]
    assert manifest["files"] == found
    assert manifest["identity"] == {"schema": 2, "seed": 7, "scenes": SCENES}
    assert manifest["licence"] == "CC0-1.0"
    assert "invented" in manifest["note"]


def test_vqa_files_are_official(world: tuple[Path, WorldSummary]) -> None:
    folder, _ = world
    questions = json.loads((folder / "vqav2/v2_OpenEnded_mscoco_val2014_questions.json").read_bytes())
    annotations = json.loads((folder / "vqav2/v2_mscoco_val2014_annotations.json").read_bytes())
    assert set(questions) == {"info", "task_type", "data_type", "data_subtype", "license", "questions"}
    assert set(annotations) == {"info", "data_type", "data_subtype", "license", "annotations"}
    assert "world" in questions["info"]["description"]
    assert "seed 7" in questions["info"]["description"]
    assert [q["question_id"] for q in questions["questions"]] == [a["question_id"] for a in annotations["annotations"]]
    assert len({q["question_id"] for q in questions["questions"]}) == len(questions["questions"])
    for annotation in annotations["annotations"]:
        picture = folder / "images" / "val2014" / f"COCO_val2014_{annotation['image_id']:012d}.jpg"
        assert picture.is_file()
        assert annotation["answer_type"] in ("yes/no", "number", "other")
        assert [answer["answer_id"] for answer in annotation["answers"]] == list(range(1, 11))
        assert set(annotation) == {
            "question_id", "image_id", "question_type", "answer_type", "multiple_choice_answer", "answers"
        }  # fmt: skip


def test_shard_formats_read_the_vqa_files(world: tuple[Path, WorldSummary]) -> None:
    folder, summary = world
    questions = read_questions(folder / "vqav2/v2_OpenEnded_mscoco_train2014_questions.json")
    annotations = read_annotations(folder / "vqav2/v2_mscoco_train2014_annotations.json")
    assert len(questions) == len(annotations) == summary.questions["train2014"]
    assert all(len(annotation.answers) == 10 for annotation in annotations)


def test_caption_files_are_official(world: tuple[Path, WorldSummary]) -> None:
    folder, _ = world
    captions = json.loads((folder / "coco_captions/captions_val2014.json").read_bytes())
    assert set(captions) == {"info", "images", "licenses", "annotations"}
    assert len({row["id"] for row in captions["annotations"]}) == len(captions["annotations"])
    for image in captions["images"]:
        assert set(image) == {"license", "file_name", "height", "width", "id"}
        with Image.open(folder / "images" / "val2014" / image["file_name"]) as picture:
            assert picture.format == "JPEG"
            assert picture.size == (image["width"], image["height"])
        assert sum(row["image_id"] == image["id"] for row in captions["annotations"]) == 5


@pytest.mark.parametrize(("split", "captions_a_clip"), [("train", 1), ("val", 5), ("test", 5)])
def test_audio_rows_are_official(world: tuple[Path, WorldSummary], split: str, captions_a_clip: int) -> None:
    folder, summary = world
    rows = list(csv.DictReader(io.StringIO((folder / f"audiocaps/{split}.csv").read_text())))
    assert list(rows[0]) == ["audiocap_id", "youtube_id", "start_time", "caption"]
    clips = {(row["youtube_id"], row["start_time"]) for row in rows}
    assert len(clips) == summary.scenes[split] == len(rows) / captions_a_clip
    for youtube_id, start_time in clips:
        assert re.fullmatch(r"[A-Za-z0-9_-]{11}", youtube_id)
        assert (folder / f"audiocaps/audios/{youtube_id}_{start_time}.wav").is_file()


def test_okvqa_files_are_official(world: tuple[Path, WorldSummary]) -> None:
    folder, summary = world
    questions = read_questions(folder / "okvqa/OpenEnded_mscoco_train2014_questions.json")
    truths = read_annotations(folder / "okvqa/mscoco_train2014_annotations.json")
    assert [one.question_id for one in questions] == [one.question_id for one in truths]
    assert len(questions) == 2 * summary.scenes["train"]
    kinds = {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "other"}
    for truth in truths:
        assert truth.question_type in kinds
        assert truth.answer_type == "other"
        assert [one.answer_id for one in truth.answers] == list(range(1, 11))
        assert [one.answer for one in truth.answers[::2]] == [one.answer for one in truth.answers[1::2]]
        assert all(one.raw_answer and one.answer_confidence in ("yes", "no") for one in truth.answers)


@pytest.mark.parametrize(
    ("name", "maker", "splits"),
    [
        ("refcoco", "unc", {"train", "val", "testA", "testB"}),
        ("refcoco+", "unc", {"train", "val", "testA", "testB"}),
        ("refcocog", "umd", {"train", "val", "test"}),
    ],
)
def test_references_are_official_and_name_one_thing(larger: Path, name: str, maker: str, splits: set[str]) -> None:
    path, instances = larger / name / f"refs({maker}).p", larger / name / "instances.json"
    assert path.read_bytes()[:2] == b"\x80\x02"
    references = pickle.loads(path.read_bytes())
    assert {one["split"] for one in references} == splits
    scenes = {scene.image_id: scene for scene in read_scenes(larger)}
    boxes = {row["id"]: row["bbox"] for row in json.loads(instances.read_bytes())["annotations"]}
    halves: dict[str, set[int]] = {half: set() for half in ("testA", "testB")}
    for one in references:
        assert set(one) == {
            "ref_id", "ann_id", "category_id", "image_id", "file_name", "sent_ids", "split", "sentences"
        }  # fmt: skip
        things = scenes[one["image_id"]].things
        (target,) = (thing for number, thing in enumerate(things) if 10 * one["image_id"] + number == one["ann_id"])
        x1, y1, x2, y2 = target.box_xyxy_px
        assert boxes[one["ann_id"]] == pytest.approx([x1, y1, x2 - x1, y2 - y1])
        assert any(target.kind == rival.kind or target.colour == rival.colour for rival in things if rival != target)
        halves.get(one["split"], set()).add(one["category_id"])
        assert one["sent_ids"] == [sentence["sent_id"] for sentence in one["sentences"]]
        for sentence in one["sentences"]:
            assert sentence["tokens"] == sentence["sent"].split()
            words = set(sentence["tokens"])
            assert name != "refcoco+" or not words & PLACES
            assert name != "refcocog" or {target.size, target.pattern, target.colour, target.kind} <= words
            looks = [(thing, {thing.kind, thing.colour, thing.size, thing.pattern}) for thing in things]
            assert words & PLACES or [thing for thing, values in looks if words & VALUES <= values] == [target]
    assert not halves["testA"] & halves["testB"]
    for split in splits:
        read = read_refer(path, instances, split=split)
        assert len(read) == sum(len(one["sentences"]) for one in references if one["split"] == split)


def test_chair_finds_no_object_in_true_captions_that_is_not_there(larger: Path) -> None:
    table = read_synonyms(larger / "chair/synonyms.txt")
    instances = read_instances(larger / "chair/instances_train2014.json")
    truth = chair_truth([instances], [], table=table)
    find, mentions = ObjectFinder(table), Counter[str]()
    for scene in read_scenes(larger):
        if scene.split == "train":
            kinds = {thing.kind for thing in scene.things}
            assert set(truth.objects[scene.image_id]) == kinds
            for caption in (*scene.captions["image"], oracle_caption(scene, "image"), " ".join(f"{k}s" for k in kinds)):
                found = {node for _, node in find(caption.replace("crosss", "crosses"))}
                assert found <= kinds
                assert found >= kinds & set(caption.replace("squared", "").split())
                mentions.update(found)
    assert set(mentions) == {category.name for category in instances.categories}


def test_film_files_are_official(world: tuple[Path, WorldSummary]) -> None:
    folder, summary = world
    splits: tuple[tuple[str, MsrvttSplit, str], ...] = (
        ("train", "train", "train_val"), ("val", "validate", "train_val"), ("test", "test", "test")
    )  # fmt: skip
    for split, official, name in splits:
        captions = read_msrvtt(folder / f"msrvtt/{name}_videodatainfo.json", split=official)
        assert len(captions) == summary.scenes[split]
        assert all((folder / f"msrvtt/videos/{video_id}.mp4").is_file() for video_id in captions)
        assert {len(set(group)) for group in captions.values()} == {5}
        questions = read_video_questions(folder / f"msrvtt_qa/{split}_qa.json")
        assert {f"video{one.video_id}" for one in questions} == set(captions)
        assert len({one.id for one in questions}) == len(questions) == 5 * len(captions)


def test_narrations_are_official(world: tuple[Path, WorldSummary]) -> None:
    folder, summary = world
    splits = json.loads((folder / "ego4d/splits.json").read_bytes())
    assert {split: len(uids) for split, uids in splits.items()} == summary.scenes
    narrations = read_narrations(folder / "ego4d/narration.json")
    for uid in itertools.chain.from_iterable(splits.values()):
        assert (folder / f"ego4d/imu/{uid}.npy").is_file()
        assert len({one.sentence for one in narrations[uid]}) == 5
        assert all(one.narration_text.startswith("#C C ") and one.timestamp_sec == 2.5 for one in narrations[uid])
        assert all(one.sentence.startswith("the camera wearer ") for one in narrations[uid])
    sensor = json.loads((folder / "ego4d/imu.json").read_bytes())
    assert sensor["rate_hz"] == 200.0
    assert len(sensor["axes"]) == len(sensor["units"]) == 6


def test_clips_sound_when_their_facts_say_so(world: tuple[Path, WorldSummary]) -> None:
    folder, _ = world
    for scene in read_scenes(folder):
        with wave.open(str(folder / scene.path("audio"))) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32_768
        assert len(samples) == round(scene.soundscape.duration_s * 16_000)
        assert 3.0 <= scene.soundscape.duration_s <= 5.0
        silence = np.ones(len(samples), dtype=bool)
        for event in scene.soundscape.events:
            first, last = round(event.start_s * 16_000), round(event.end_s * 16_000)
            silence[first:last] = False
            peak = np.abs(samples[first:last]).max()
            expected = {"soft": 0.12, "normal": 0.35, "loud": 0.85}[event.loudness]
            assert peak == pytest.approx(expected, abs=0.08)
            assert last <= len(samples)
        assert np.abs(samples[silence]).max() < 0.1


def test_pictures_show_the_colours_of_their_things(world: tuple[Path, WorldSummary]) -> None:
    folder, _ = world
    for scene in read_scenes(folder):
        with Image.open(folder / scene.path("image")) as picture:
            pixels = np.asarray(picture.convert("HSV")).astype(int)
        for thing in scene.things:
            x1, y1, x2, y2 = (round(edge) for edge in thing.box_xyxy_px)
            hue, saturation, value = np.moveaxis(pixels[y1:y2, x1:x2], -1, 0)
            expected = {"red": 254, "orange": 20, "yellow": 33, "green": 102, "blue": 154, "purple": 191, "pink": 239}
            if thing.is_clear and thing.colour == "black":
                assert (value < 90).mean() > 0.1
            elif thing.is_clear:
                distance = np.abs((hue - expected[thing.colour] + 128) % 256 - 128)
                assert ((distance < 12) & (saturation > 60)).mean() > 0.1


def test_same_arguments_give_the_same_bytes_and_a_longer_world_begins_alike(
    world: tuple[Path, WorldSummary], tmp_path: Path
) -> None:
    folder, _ = world
    finished: list[int] = []
    write_world(tmp_path / "again", scenes=SCENES, seed=7, progress=finished.append)
    assert digests(tmp_path / "again") == digests(folder)
    assert finished == list(range(1, SCENES + 1))
    write_world(tmp_path / "longer", scenes=SCENES + 5, seed=7, progress=ignore)
    longer = digests(tmp_path / "longer")
    media = {
        path: digest for path, digest in digests(folder).items() if path.endswith((".jpg", ".wav", ".mp4", ".npy"))
    }
    assert media.items() <= longer.items()
    short, long = (read_json_lines(base / "scenes.jsonl") for base in (folder, tmp_path / "longer"))
    assert long[:SCENES] == short
    name = "vqav2/v2_mscoco_val2014_annotations.json"
    short_asked, long_asked = (
        json.loads((base / name).read_bytes())["annotations"] for base in (folder, tmp_path / "longer")
    )
    assert long_asked[: len(short_asked)] == short_asked


def test_other_processes_write_the_same_bytes(tmp_path: Path) -> None:
    """Hashes of texts, and so the order of sets, differ between these two."""
    script = (
        "import sys; from pathlib import Path; from curation.sources.world import write_world;"
        "write_world(Path(sys.argv[1]), scenes=8, seed=3, progress=lambda done: None)"
    )
    for seed in ("1", "2"):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / seed)], check=True, cwd=ROOT, env={
            **os.environ, "PYTHONHASHSEED": seed})  # fmt: skip
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


def read_json_lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_same_world_again_is_left_as_it_is(world: tuple[Path, WorldSummary]) -> None:
    folder, summary = world
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert write_world(folder, scenes=SCENES, seed=7, progress=refuse) == summary
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize(("scenes", "seed", "difference"), [(SCENES, 8, "seed 8"), (SCENES + 1, 7, "16 scenes")])
def test_another_world_is_refused(world: tuple[Path, WorldSummary], scenes: int, seed: int, difference: str) -> None:
    with pytest.raises(UsageError, match=difference):
        write_world(world[0], scenes=scenes, seed=seed, progress=ignore)


def test_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"notes\.txt"):
        write_world(tmp_path, scenes=5, seed=7, progress=ignore)
    assert digests(tmp_path).keys() == {"notes.txt"}


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "world").write_text("mine")
    with pytest.raises(UsageError, match="a folder, found a file"):
        write_world(tmp_path / "world", scenes=5, seed=7, progress=ignore)


def test_too_few_scenes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 5, found 4"):
        write_world(tmp_path / "world", scenes=4, seed=7, progress=ignore)


def test_world_that_was_broken_off_is_finished_with_the_same_bytes(
    world: tuple[Path, WorldSummary], tmp_path: Path
) -> None:
    def stop(finished: int) -> None:
        if finished == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_world(tmp_path, scenes=SCENES, seed=7, progress=stop)
    with pytest.raises(SourceError, match=r"world\.json"):
        next(iter(read_scenes(tmp_path)))
    with pytest.raises(UsageError, match="seed 8"):
        write_world(tmp_path, scenes=SCENES, seed=8, progress=ignore)
    write_world(tmp_path, scenes=SCENES, seed=7, progress=ignore)
    assert digests(tmp_path) == digests(world[0])


def test_broken_scene_is_named(tmp_path: Path) -> None:
    write_world(tmp_path, scenes=5, seed=7, progress=ignore)
    lines = read_json_lines(tmp_path / "scenes.jsonl")
    (tmp_path / "scenes.jsonl").write_text("\n".join([*lines[:2], lines[2].replace('"seed"', '"sed"'), *lines[3:]]))
    with pytest.raises(SourceError, match="line 3"):
        list(read_scenes(tmp_path))
    (tmp_path / "scenes.jsonl").write_text("\n".join(lines[:4]))
    with pytest.raises(SourceError, match="5 scenes, found 4"):
        list(read_scenes(tmp_path))


def test_world_of_another_version_is_not_read(tmp_path: Path) -> None:
    write_world(tmp_path, scenes=5, seed=7, progress=ignore)
    manifest = (tmp_path / "world.json").read_text()
    (tmp_path / "world.json").write_text(manifest.replace('"schema": 2', '"schema": 99'))
    with pytest.raises(SourceError, match="99"):
        list(read_scenes(tmp_path))


def test_source_offers_the_four_media_of_each_training_scene(world: tuple[Path, WorldSummary]) -> None:
    folder, summary = world
    pairs = list(read_world(folder))
    assert Counter(pair.modality for pair in pairs) == dict.fromkeys(MODALITIES, summary.scenes["train"])
    assert len({pair.id for pair in pairs}) == len(pairs)
    held_out = {scene.path(one) for scene in read_scenes(folder) if scene.split != "train" for one in MODALITIES}
    for pair in pairs:
        assert Path(pair.path).is_file()
        assert pair.caption
        assert pair.licence == "CC0-1.0"
        assert pair.file not in held_out
