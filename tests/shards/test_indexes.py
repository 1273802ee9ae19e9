"""Indexes are derived, equal for equal sets, and found out when they contradict the set."""

import hashlib
import json
import sqlite3
import tarfile
from pathlib import Path

import numpy as np
import pytest

from shards.card import write_card
from shards.indexes import energon, front_matter, wids
from shards.manifest import INDEX, SHARDS
from shards.reader import ShardSet
from shards.verify import verify
from tests.shards.sets import make_set


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_set(tmp_path / "set", 12, words=("p", "s", "ps"), max_samples=3)
    write_card(tmp_path / "set", title="Words")
    return tmp_path / "set"


def told(folder: Path) -> str:
    return "\n".join(f"{fault.place}: {fault.problem}" for fault in verify(folder))


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and ".work" not in path.parts]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_equal_sets_have_equal_files(folder: Path, tmp_path: Path) -> None:
    make_set(tmp_path / "again", 12, words=("p", "s", "ps"), max_samples=3)
    write_card(tmp_path / "again", title="Words")
    assert digests(folder) == digests(tmp_path / "again")
    before = digests(folder)
    write_card(folder, title="Words")
    assert digests(folder) == before
    assert verify(folder) == []


def test_wids_lists_every_shard(folder: Path) -> None:
    content = json.loads((folder / "wids.json").read_bytes())
    assert (content["__kind__"], content["wids_version"]) == ("wids-shard-index-v1", 1)
    for shard in content["shardlist"]:
        assert shard["filesize"] == (folder / shard["url"]).stat().st_size
        with tarfile.open(folder / shard["url"]) as file:
            assert shard["nsamples"] == sum(name.endswith(".json") for name in file.getnames())
    assert [shard["url"] for shard in content["shardlist"]] == [record.name for record in ShardSet(folder).shards]


def test_energons_offsets_are_those_of_pythons_tarfile(folder: Path) -> None:
    database = sqlite3.connect(folder / ".nv-meta" / "index.sqlite")
    counts = json.loads((folder / ".nv-meta" / ".info.yaml").read_bytes())["shard_counts"]
    for number, (name, n_samples) in enumerate(counts.items()):
        with tarfile.open(folder / name) as file:
            members = file.getmembers()
            end = file.offset
        firsts = [one for one, before in zip(members, [None, *members], strict=False) if _starts(one, before)]
        starts = [*(one.offset for one in firsts), end]
        assert np.fromfile(folder / f"{name}.idx", "<u8").tolist() == starts
        assert len(firsts) == n_samples
        samples = database.execute("SELECT * FROM samples WHERE tar_file_id = ? ORDER BY sample_index", (number,))
        assert list(samples) == [
            (number, one.name.partition(".")[0], place, one.offset, starts[place + 1] - one.offset)
            for place, one in enumerate(firsts)
        ]
        parts = database.execute("SELECT * FROM sample_parts WHERE tar_file_id = ? ORDER BY rowid", (number,))
        keys = [one.name.partition(".")[0] for one in firsts]
        assert list(parts) == [
            (number, keys.index(key), field, one.offset_data, one.size)
            for one in members
            for key, _, field in [one.name.partition(".")]
        ]
    database.close()


def _starts(one: tarfile.TarInfo, before: tarfile.TarInfo | None) -> bool:
    return before is None or one.name.partition(".")[0] != before.name.partition(".")[0]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("README.md", '"1-0.png"', '"1-9.png"'),
        ("wids.json", '"nsamples": 2', '"nsamples": 4'),
        ("wids.json", "{", "["),
        ("croissant.json", '"sha256": "', '"sha256": "0'),
        ("croissant.json", "{", "["),
        (".nv-meta/.info.yaml", ": 2", ": 3"),
        (".nv-meta/split.yaml", "bucket", "basket"),
        (".nv-meta/index.sqlite", "key-00", "key-99"),
    ],
)
def test_a_changed_index_is_found(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    content = path.read_bytes()
    assert old.encode() in content
    path.write_bytes(content.replace(old.encode(), new.encode(), 1))
    assert f"{name}: " in told(folder)


def test_a_changed_offset_file_is_found(folder: Path) -> None:
    path = next((folder / SHARDS).glob("*.idx"))
    path.write_bytes(path.read_bytes()[:-8])
    assert f"{path.name}: does not say what the index" in told(folder)
    path.unlink()
    assert f"{path.name}: does not say what the index" in told(folder)


def test_a_database_that_another_sqlite_wrote_is_no_fault(folder: Path) -> None:
    path = folder / ".nv-meta" / "index.sqlite"
    before = path.read_bytes()
    database = sqlite3.connect(path)
    database.execute("VACUUM")
    database.close()
    assert path.read_bytes() != before
    assert verify(folder) == []


def test_indexes_of_shards_that_are_gone_are_found_and_removed(folder: Path) -> None:
    stray = folder / SHARDS / "bucket-00009-image-000.tar.idx"
    stray.write_bytes(b"")
    assert "describes a shard that the set does not have" in told(folder)
    write_card(folder, title="Words")
    assert not stray.exists()
    assert verify(folder) == []


def test_a_set_without_samples_has_a_card_and_no_indexes(tmp_path: Path) -> None:
    make_set(tmp_path, 0)
    write_card(tmp_path, title="Nothing")
    assert verify(tmp_path) == []
    assert not (tmp_path / "wids.json").exists()
    assert front_matter(ShardSet(tmp_path)).startswith("---\nconfigs: ")


def test_a_set_that_is_not_finished_has_no_index_faults(tmp_path: Path) -> None:
    make_set(tmp_path, 3)
    assert verify(tmp_path) == []
    assert wids(ShardSet(tmp_path), name="x")
    assert dict(energon(ShardSet(tmp_path)))
    (tmp_path / INDEX / "bucket-00000.parquet").unlink()
    assert "expected readable indexes" in told(tmp_path)
