"""`retry_failed`: what failed is run once more, and nothing that was written changes."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shards.draft import Draft
from shards.errors import MediaError, ShardsError, WorkError
from shards.keys import make_key
from shards.reader import ShardSet
from shards.verify import verify
from shards.work import Pipeline, audit, build
from shards.writer import ShardSpec
from tests.factories import Word, media_draft, png
from tests.shards.disks import calls_of, deadly, killed_at, quick_path
from tests.shards.words import digests, outcomes, pipeline, text_draft, words

__all__ = ["quick_path"]


class Fetch(msgspec.Struct, frozen=True):
    """Puts the word's file into a sample; fails while the file is bad, as a server or a flaky disk would."""

    name: str = "fetch"
    version: int = 1

    def __call__(self, record: Word) -> Draft:
        if not record.files:
            return text_draft(record.id, record.word)
        content = Path(record.files[0]).read_bytes()
        if not content.startswith(b"\x89PNG"):
            raise MediaError(record.files[0], expected="a picture", found=content[:8].decode())
        return media_draft(make_key("words", record.id), picture=content)


@pytest.fixture
def flaky(quick_path: Path) -> Callable[..., Pipeline]:
    """Buckets of words; the pictures `a` and `c`, in different buckets, stand on files that are bad at first."""
    pictures = [Word(name, "picture", (str(quick_path / name),)) for name in ("a", "c")]
    for name in ("a", "c"):
        (quick_path / name).write_bytes(b"bad")
    return lambda n=30: pipeline([*words(n), *pictures], step=Fetch(), spec=ShardSpec(max_samples=4))


def mend(quick_path: Path, name: str) -> None:
    (quick_path / name).write_bytes(png())


def test_a_failure_that_stays_changes_nothing(quick_path: Path, flaky: Callable[..., Pipeline]) -> None:
    out = quick_path / "out"
    assert build(flaky(), out, retry_failed=True)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and path.name != "lock"}
    assert not build(flaky(), out, retry_failed=True)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not (out / ".work" / "next").exists() or not list((out / ".work" / "next").iterdir())


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_mended_ends_as_if_it_had_never_failed(
    quick_path: Path, flaky: Callable[..., Pipeline], workers: int
) -> None:
    out = quick_path / "out"
    build(flaky(), out)
    before = digests(out)
    mend(quick_path, "a")
    assert build(flaky(), out, workers=workers, retry_failed=True)
    assert (outcomes(out)["a"], outcomes(out)["c"]) == (("written", ""), ("failed", "media_error"))
    changed = {name for name in before.keys() | digests(out).keys() if before.get(name) != digests(out).get(name)}
    assert len({name.partition("/")[2][:12] for name in changed if "/" in name}) == 1
    mend(quick_path, "c")
    assert build(flaky(), out, workers=workers, retry_failed=True)
    build(flaky(), quick_path / "never_failed")
    assert digests(out) == digests(quick_path / "never_failed")
    assert audit(out).faults == []
    assert verify(out) == []
    assert not build(flaky(), out)


def test_only_units_with_failed_rows_run(quick_path: Path, flaky: Callable[..., Pipeline]) -> None:
    out = quick_path / "out"
    build(flaky(), out)
    mend(quick_path, "a")
    mend(quick_path, "c")
    calls = calls_of(lambda: build(flaky(), out, retry_failed=True))
    touched = {
        path.name.removeprefix(".")[:12] for when, path in calls if when == "before open" and "shards" in path.parts
    }
    assert touched == {name[:12] for name in buckets_of(out, "a", "c")}


def buckets_of(out: Path, *names: str) -> set[str]:
    index = ShardSet(out).index.to_pylist()
    keys = {make_key("words", name) for name in names}
    return {row["shard"].removeprefix("shards/") for row in index if row["key"] in keys}


def test_a_plain_build_refuses_mended_files(quick_path: Path, flaky: Callable[..., Pipeline]) -> None:
    out = quick_path / "out"
    build(flaky(), out)
    mend(quick_path, "a")
    with pytest.raises(WorkError, match=r"changed: a.*--retry-failed"):
        build(flaky(), out)


def test_a_retry_that_would_change_what_was_written_is_refused(quick_path: Path) -> None:
    picture = quick_path / "a"
    picture.write_bytes(png())
    records = [Word("a", "picture", (str(picture),)), Word("b", "picture", (str(quick_path / "b"),))]
    (quick_path / "b").write_bytes(b"bad")
    out, step = quick_path / "out", Fetch()
    build(pipeline(records, step=step, n_buckets=1), out)
    before, times = digests(out), picture.stat()
    picture.write_bytes(png().replace(b"IEND", b"IENX"))
    os.utime(picture, ns=(times.st_atime_ns, times.st_mtime_ns))  # a change that size and time do not show
    mend(quick_path, "b")
    with pytest.raises(WorkError, match=f"other bytes, or none, of {make_key('words', 'a')}"):
        build(pipeline(records, step=step, n_buckets=1), out, retry_failed=True)
    assert digests(out) == before
    assert verify(out) == []


def test_an_unfinished_build_is_finished_first(quick_path: Path, flaky: Callable[..., Pipeline]) -> None:
    out = quick_path / "out"
    build(flaky(), out)
    manifest = out / "manifest.jsonl"
    manifest.write_bytes(b"".join(manifest.read_bytes().splitlines(keepends=True)[:2]))
    mend(quick_path, "a")
    mend(quick_path, "c")
    build(flaky(), out, retry_failed=True)
    build(flaky(), quick_path / "whole")
    assert digests(out) == digests(quick_path / "whole")


def test_killed_at_every_call_of_the_disk(quick_path: Path, flaky: Callable[..., Pipeline]) -> None:
    retry: Any = partial(build, retry_failed=True)
    build(flaky(4), quick_path / "old")
    old = digests(quick_path / "old")
    shutil.copytree(quick_path / "old", quick_path / "out")
    mend(quick_path, "a")
    calls = calls_of(lambda: retry(flaky(4), quick_path / "out"))
    new = digests(quick_path / "out")
    for number, (when, path) in enumerate(calls):
        folder = quick_path / str(number)
        shutil.copytree(quick_path / "old", folder)
        told = f"killed {when} of {path.name}, call {number}"
        assert killed_at(deadly(number), partial(retry, flaky(4), folder)), told
        try:
            assert verify(folder) == [], told
            assert digests(folder) in (old, new), told
        except ShardsError as error:
            assert "a change that is not finished" in str(error), told  # noqa: PT017 (readers may refuse here)
        retry(flaky(4), folder)
        assert digests(folder) == new, told
        assert audit(folder).faults == [], told
