"""Takedown: one sample goes, for good; one shard changes, and nothing else of it."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from shards.errors import ShardError, ShardsError, UsageError
from shards.keys import make_key
from shards.manifest import SHARDS
from shards.reader import ShardSet, held
from shards.tombstones import TOMBSTONES, read_tombstones
from shards.verify import verify
from shards.work import Pipeline, audit, build, read_ledger
from shards.work.story import tell
from shards.work.takedown import holders_of, take_down
from shards.writer import ShardSpec
from tests.factories import Word, png
from tests.shards.disks import FullDisk, calls_of, deadly, killed_at, quick_path, used
from tests.shards.words import digests, pipeline, words

__all__ = ["quick_path"]

KEY = make_key("words", "p")


@pytest.fixture
def pictures(quick_path: Path) -> Callable[[], Pipeline]:
    """Twenty words, and a picture that appears twice: as an equal repeat and under another id."""
    picture = quick_path / "a.png"
    picture.write_bytes(png())
    film = [Word(name, "file:", (str(picture),)) for name in ("p", "p", "other")]
    return lambda: pipeline([*words(20, w1="drop", w2="fail"), *film], n_buckets=2, spec=ShardSpec(max_samples=4))


def samples(folder: Path) -> dict[str, dict[str, bytes]]:
    return {draft.sample.key: held(draft) for draft in ShardSet(folder)}


def test_the_sample_goes_and_the_books_tell_it(quick_path: Path, pictures: Callable[[], Pipeline]) -> None:
    out = quick_path / "out"
    build(pictures(), out)
    before, files_before = samples(out), digests(out)
    assert take_down(out, KEY, reason="asked for by its author")
    assert samples(out) == {key: media for key, media in before.items() if key != KEY}
    changed = {
        name for name in files_before.keys() | digests(out).keys() if files_before.get(name) != digests(out).get(name)
    }
    shards = {name for name in changed if name.startswith(SHARDS)}
    stem = next(iter(shards)).removeprefix(f"{SHARDS}/")[:12]
    assert len(shards) == 1
    assert changed == {*shards, f"index/{stem}.parquet", f"ledger/{stem}.parquet", "manifest.jsonl", TOMBSTONES}
    books = audit(out)
    assert (books.faults, books.n_dropped, books.n_merged) == ([], 3, 0)
    assert ("dropped", "takedown", "asked for by its author", 2) in books.reasons
    assert verify(out) == []
    assert tell(out, KEY)[1] == "It was dropped at step takedown: asked for by its author."
    with pytest.raises(ShardError, match="no such key"):
        ShardSet(out).get(KEY)


def test_the_tombstone_holds_hashes_and_no_content(quick_path: Path, pictures: Callable[[], Pipeline]) -> None:
    build(pictures(), quick_path / "out")
    take_down(quick_path / "out", KEY, reason="asked for")
    assert json.loads((quick_path / "out" / TOMBSTONES).read_bytes()) == {
        "schema": "anymodal.tombstone/1",
        "key": KEY,
        "reason": "asked for",
        "media_sha256": [hashlib.sha256(png()).hexdigest()],
    }
    picture = [path for path in (quick_path / "out" / SHARDS).iterdir() if png() in path.read_bytes()]
    assert len(picture) == 1  # the other sample's
    assert holders_of(quick_path / "out", [hashlib.sha256(png()).hexdigest()]) == [make_key("words", "other")]


def test_no_build_brings_it_back(quick_path: Path, pictures: Callable[[], Pipeline]) -> None:
    out, new = quick_path / "out", quick_path / "new"
    build(pictures(), out)
    take_down(out, KEY, reason="gone")
    assert not take_down(out, KEY, reason="gone again")
    assert not build(pictures(), out)
    build(pictures(), out, retry_failed=True)
    assert KEY not in samples(out)
    new.mkdir()
    (new / TOMBSTONES).write_bytes((out / TOMBSTONES).read_bytes())
    build(pictures(), new)
    assert samples(new) == samples(out)
    assert audit(new).faults == []
    assert audit(new).reasons == audit(out).reasons
    assert sorted(read_ledger(new), key=lambda row: row.id) == sorted(read_ledger(out), key=lambda row: row.id)


def test_several_go_and_the_last_of_a_shard_takes_it_along(quick_path: Path) -> None:
    out = quick_path / "out"
    build(pipeline(words(6), n_buckets=1, spec=ShardSpec(max_samples=4)), out)
    last = ShardSet(out).shards[-1]
    keys = [row["key"] for row in ShardSet(out).index.to_pylist() if row["shard"] == last.name]
    for n_gone, key in enumerate(keys, 1):
        take_down(out, key, reason="gone")
        assert audit(out).faults == []
        assert verify(out) == []
        assert len(ShardSet(out)) == 6 - n_gone
    assert not (out / last.name).exists()
    assert list(read_tombstones(out)) == keys


def test_a_set_that_was_published_without_its_working_files(quick_path: Path, pictures: Callable[[], Pipeline]) -> None:
    out = quick_path / "out"
    build(pictures(), out)
    (out / ".work").rename(quick_path / "unpublished")
    take_down(out, KEY, reason="gone")
    assert audit(out).faults == []
    assert verify(out) == []
    assert KEY not in samples(out)


def test_what_cannot_be_taken_down(quick_path: Path, pictures: Callable[[], Pipeline]) -> None:
    out = quick_path / "out"
    build(pictures(), out)
    before = digests(out)
    with pytest.raises(ShardError, match="no such key"):
        take_down(out, "nobody", reason="x")
    with pytest.raises(UsageError, match="why the sample is taken down"):
        take_down(out, KEY, reason=" ")
    assert digests(out) == before
    shard = out / next(row["shard"] for row in ShardSet(out).index.to_pylist() if row["key"] == KEY)
    shard.write_bytes(shard.read_bytes()[:-512])
    with pytest.raises(ShardError, match="sha256"):
        take_down(out, KEY, reason="x")
    assert KEY not in read_tombstones(out)


def test_audit_finds_what_came_back(quick_path: Path, pictures: Callable[[], Pipeline]) -> None:
    out = quick_path / "out"
    build(pictures(), out)
    other = make_key("words", "other")
    take_down(out, KEY, reason="x")
    path = out / TOMBSTONES
    path.write_bytes(path.read_bytes() + path.read_bytes().replace(KEY.encode(), other.encode()))
    assert audit(out).faults == [f"{other} was taken down and is in the index"]
    assert [str(fault.problem) for fault in verify(out)] == ["was taken down and is in the set"]
    path.write_bytes(b"nonsense\n")
    with pytest.raises(ShardError, match="tombstones"):
        build(pictures(), out)


def test_killed_at_every_call_of_the_disk(quick_path: Path, pictures: Callable[[], Pipeline]) -> None:
    """After a kill the set is the old one, or readers refuse it until the next call carries the change to its end."""
    build(pictures(), quick_path / "old")
    build(pictures(), quick_path / "new")
    old = digests(quick_path / "old")
    calls = calls_of(lambda: take_down(quick_path / "new", KEY, reason="gone"))
    new, n_refused = digests(quick_path / "new"), 0
    for number, (when, path) in enumerate(calls):
        folder, told = quick_path / str(number), f"killed {when} of {path.name}, call {number}"
        shutil.copytree(quick_path / "old", folder)
        assert killed_at(deadly(number), partial(take_down, folder, KEY, reason="gone")), told
        try:
            assert verify(folder) == [], told
            assert digests(folder) in (old, new), told
        except ShardsError as error:
            n_refused += "a change that is not finished" in str(error)
        if number % 2:
            went_on = build(pictures(), folder)
            assert digests(folder) in ((new,) if went_on else (old, new)), told
            assert not [path for path in folder.rglob("*") if path.suffix == ".part" or path.name == "next"], told
        take_down(folder, KEY, reason="gone")
        assert digests(folder) == new, told
        assert audit(folder).faults == [], told
        assert verify(folder) == [], told
        assert not list(folder.rglob("*.part")), told
    assert 5 < n_refused < len(calls) / 2


def test_no_room_at_every_write(quick_path: Path, pictures: Callable[[], Pipeline]) -> None:
    out = quick_path / "out"
    build(pictures(), out)
    old, stones, n_failed = digests(out), 0, 0
    while not stones:
        with contextlib.suppress(OSError), used(FullDisk(n_failed)):
            take_down(out, KEY, reason="gone")
        stones = len(read_tombstones(out))
        assert (digests(out) == old) is not bool(stones)
        assert verify(out) == []
        n_failed += 1
    assert n_failed > 5
