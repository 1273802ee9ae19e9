"""Sources list what a folder holds; what a step can judge is left to steps."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import SourceError
from curation.sources import read_pairs
from shards.errors import UsageError


def release(root: Path, name: str, records: object) -> None:
    (root / name).mkdir(parents=True)
    (root / name / f"{name}.json").write_text(json.dumps(records))


def test_nextgpt_lists_become_pairs(tmp_path: Path) -> None:
    release(tmp_path, "cc3m", [{"caption": "a ski area", "id": "001", "image_name": "001.jpg"}])
    release(tmp_path, "audiocap", [{"caption": "a bus", "audio_id": 7, "audio_name": "7.wav"}])
    release(tmp_path, "webvid", [{"caption": "a bay", "id": 9, "video_name": "9.mp4"}])
    pairs = list(read_pairs(f"nextgpt:{tmp_path}"))
    assert [(pair.id, pair.modality, pair.caption) for pair in pairs] == [
        ("cc3m/001", "image", "a ski area"),
        ("audiocap/7", "audio", "a bus"),
        ("webvid/9", "video", "a bay"),
    ]
    assert [pair.path for pair in pairs] == [
        str(tmp_path / name) for name in ("cc3m/images/001.jpg", "audiocap/audios/7.wav", "webvid/videos/9.mp4")
    ]
    assert all(pair.licence != "unknown" for pair in pairs)


def test_nextgpt_needs_no_more_than_one_list(tmp_path: Path) -> None:
    release(tmp_path, "webvid", [])
    assert list(read_pairs(f"nextgpt:{tmp_path}")) == []


def test_real_pairs_are_listed(real_pairs: Path) -> None:
    pairs = list(read_pairs(f"nextgpt:{real_pairs}"))
    assert len(pairs) == 39
    assert sum(Path(pair.path).exists() for pair in pairs) == 36


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('[{"caption": "x"', "truncated"),
        ('{"caption": "x"}', "array"),
        ('[{"caption": "x", "image_name": "a.jpg"}]', "record 0"),
        ('[{"id": null}]', "record 0"),
        ("[3]", "record 0"),
    ],
)
def test_broken_lists_are_refused_with_their_place(tmp_path: Path, content: str, told: str) -> None:
    release(tmp_path, "cc3m", [])
    (tmp_path / "cc3m" / "cc3m.json").write_text(content)
    with pytest.raises(SourceError, match=told):
        list(read_pairs(f"nextgpt:{tmp_path}"))


def test_an_empty_folder_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"any of cc3m/cc3m\.json"):
        list(read_pairs(f"nextgpt:{tmp_path}"))


ROWS = [
    {"file": "a.png", "caption": "one, with a comma", "id": "A", "licence": "CC0-1.0", "url": "http://x/a"},
    {"file": "sub/b.wav", "caption": "zwei Wörter", "id": None, "licence": None, "url": None},
]


def write_table(folder: Path, ending: str) -> None:
    if ending == "csv":
        lines = ["\ufefffile,caption,id,licence,url", 'a.png,"one, with a comma",A,CC0-1.0,http://x/a']
        (folder / "captions.csv").write_bytes("\r\n".join([*lines, "sub/b.wav,zwei Wörter,,,", ""]).encode())
    elif ending == "jsonl":
        (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, ROWS)) + "\n\n")
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), folder / "captions.parquet")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_captioned_folder_is_read_from_every_table(tmp_path: Path, ending: str) -> None:
    write_table(tmp_path, ending)
    one, two = read_pairs(f"folder:{tmp_path}")
    assert (one.source_id, one.file, one.caption, one.licence, one.url) == (
        "A",
        "a.png",
        "one, with a comma",
        "CC0-1.0",
        "http://x/a",
    )
    assert (two.source_id, two.caption, two.licence) == ("sub/b.wav", "zwei Wörter", "unknown")
    assert one.source == tmp_path.name
    assert one.modality is None


def test_hugging_faces_names_work_too(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("file_name,text\na.png,one\n")
    (pair,) = read_pairs(f"folder:{tmp_path}")
    assert (pair.file, pair.caption) == ("a.png", "one")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "found none"),
        ({"captions.csv": b"", "captions.jsonl": b""}, "captions.csv, captions.jsonl"),
        ({"captions.csv": b"file,words\na.png,x\n"}, "a column caption or text"),
        ({"captions.csv": b"name,caption\na.png,x\n"}, "a column file or file_name"),
        ({"captions.jsonl": b'{"file": "a.png"'}, "readable jsonl"),
        ({"captions.jsonl": b"[1]\n"}, "a column file"),
        ({"captions.parquet": b"PAR1"}, "readable parquet"),
        ({"captions.csv": b"file,caption\n\xff,x\n"}, "readable csv"),
    ],
)
def test_broken_folders_are_refused(tmp_path: Path, files: dict[str, bytes], told: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=told):
        list(read_pairs(f"folder:{tmp_path}"))


@pytest.mark.parametrize("source", ["", "folder", "folder:", "cloud:x", "folder:/nowhere/at/all"])
def test_unknown_sources_are_wrong_usage(source: str) -> None:
    with pytest.raises(UsageError, match="--source"):
        list(read_pairs(source))


def test_world_pairs_are_of_training_scenes_alone(small_world: Path) -> None:
    pairs = list(read_pairs(f"world:{small_world}"))
    assert {pair.modality for pair in pairs} == {"image", "audio", "video", "imu"}
    assert all(Path(pair.path).exists() and pair.caption for pair in pairs)
    assert not any("val2014" in pair.path for pair in pairs)
