"""A build that is killed, loses power or runs out of room at any single call of the disk ends in the same bytes."""

import errno
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from shards import write_behind
from shards.files import Disk, append_durably
from shards.manifest import MANIFEST
from shards.verify import verify
from shards.work import Pipeline, audit, build
from shards.writer import ShardSpec
from tests.factories import Word, png
from tests.shards.disks import ForgetfulDisk, FullDisk, calls_of, deadly, killed_at, quick_path, used
from tests.shards.words import digests, pipeline, words

__all__ = ["quick_path"]


@pytest.fixture
def small(quick_path: Path) -> Callable[[], Pipeline]:
    """A pipeline of two buckets and four shards: words and a picture, one drop, one failure, one repeated id."""
    picture = quick_path / "a.png"
    picture.write_bytes(png())
    records = [*words(14, w1="drop", w2="fail", w3="twins"), Word("w5", "word 5"), Word("p", "file:", (str(picture),))]
    return lambda: pipeline(records, n_buckets=2, spec=ShardSpec(max_samples=5))


def whole(pipeline: Callable[[], Pipeline], folder: Path) -> dict[str, str]:
    """The digests of an undisturbed build."""
    build(pipeline(), folder)
    return digests(folder)


def assert_same_in_the_end(pipeline: Callable[[], Pipeline], folder: Path, expected: dict[str, str], told: str) -> None:
    """Build again what was cut off: the same bytes, balanced books, nothing wrong, nothing left over."""
    build(pipeline(), folder)
    assert digests(folder) == expected, told
    assert audit(folder).faults == [], told
    assert verify(folder) == [], told
    leftovers = [str(path) for path in folder.rglob("*") if path.suffix == ".part" or path.name == "next"]
    assert leftovers == [], told


def test_killed_at_every_call_of_the_disk(quick_path: Path, small: Callable[[], Pipeline]) -> None:
    expected = whole(small, quick_path / "whole")
    calls = calls_of(lambda: build(small(), quick_path / "counted"))
    assert {when for when, _ in calls} >= {
        f"{when} {what}" for when in ("before", "after") for what in ("open", "write", "sync", "rename")
    }
    for number, (when, path) in enumerate(calls):
        folder = quick_path / str(number)
        told = f"killed {when} of {path.name}, call {number}"
        assert killed_at(deadly(number), partial(build, small(), folder)), told
        assert_same_in_the_end(small, folder, expected, told)
    print("kills:", dict(Counter(when for when, _ in calls)))  # noqa: T201


def test_killed_at_every_call_for_a_shard_of_several_batches(quick_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_behind, "_BATCH_BYTES", 4096)
    monkeypatch.setattr(write_behind, "_RESERVE_BYTES", 3 * 4096)
    one = partial(pipeline, words(12), n_buckets=1)
    expected = whole(one, quick_path / "whole")
    calls = calls_of(lambda: build(one(), quick_path / "counted"))
    shard = [f"{when}" for when, path in calls if path.suffix == ".part" and ".tar" in path.name]
    assert shard.count("after write") > 4
    assert shard.count("after reserve") == 2
    for number, (when, path) in enumerate(calls):
        folder = quick_path / str(number)
        told = f"killed {when} of {path.name}, call {number}"
        assert killed_at(deadly(number), partial(build, one(), folder)), told
        assert_same_in_the_end(one, folder, expected, told)


def test_killed_again_while_going_on(quick_path: Path, small: Callable[[], Pipeline]) -> None:
    """What removes leftovers and cuts torn lines may be killed, too."""
    expected = whole(small, quick_path / "whole")
    calls = calls_of(lambda: build(small(), quick_path / "counted"))
    manifest = next(n for n, (when, path) in enumerate(calls) if (when, path.name) == ("amid write", MANIFEST))
    folder, n_kills = quick_path / "killed", 0
    while killed_at(deadly(manifest if n_kills == 0 else n_kills), lambda: build(small(), folder)):
        n_kills += 1
    assert n_kills > 20
    assert_same_in_the_end(small, folder, expected, "killed again and again")


def test_killed_while_the_manifest_is_put_in_order(quick_path: Path, small: Callable[[], Pipeline]) -> None:
    """Workers finish in any order; the last act of a build sorts the lines."""
    expected = whole(small, quick_path / "whole")
    for name in ("counted", *(str(number) for number in range(20))):
        build(small(), quick_path / name)
        lines = (quick_path / name / MANIFEST).read_bytes().splitlines(keepends=True)
        (quick_path / name / MANIFEST).write_bytes(b"".join(reversed(lines)))
    calls = calls_of(lambda: build(small(), quick_path / "counted"))
    assert {path.name for _, path in calls} == {".manifest.jsonl.part", MANIFEST, "counted"}
    for number in range(len(calls)):
        assert killed_at(deadly(number), partial(build, small(), quick_path / str(number)))
        assert_same_in_the_end(small, quick_path / str(number), expected, f"killed in call {number}")


@pytest.mark.parametrize("keeps_names", [True, False])
def test_power_is_cut_after_every_call_of_the_disk(
    quick_path: Path, small: Callable[[], Pipeline], keeps_names: bool
) -> None:
    expected = whole(small, quick_path / "whole")
    counting = ForgetfulDisk(keeps_names=keeps_names)
    with used(counting):
        build(small(), quick_path / "counted")
    assert counting.n_calls > 40
    for number in range(1, counting.n_calls + 1):
        folder = quick_path / str(number)
        disk = ForgetfulDisk(keeps_names=keeps_names)
        disk.cut_at = number
        assert killed_at(disk, partial(build, small(), folder))
        assert_same_in_the_end(small, folder, expected, f"power cut after call {number}")


def test_no_room_at_every_write(quick_path: Path, small: Callable[[], Pipeline]) -> None:
    expected = whole(small, quick_path / "whole")
    calls = calls_of(lambda: build(small(), quick_path / "counted"))
    writes = [path for when, path in calls if when == "before write"]
    for number, path in enumerate(writes):
        folder = quick_path / str(number)
        with used(FullDisk(number)), pytest.raises(OSError, match="No space left") as caught:
            build(small(), folder)
        assert caught.value.errno == errno.ENOSPC
        assert Path(str(caught.value.filename)).name == path.name.removeprefix(".").removesuffix(".part")
        assert not list(folder.rglob("*.part"))
        assert_same_in_the_end(small, folder, expected, f"no room for write {number}, {path.name}")


def test_the_disk_is_only_changed_where_tests_can_cut_it_off(quick_path: Path, small: Callable[[], Pipeline]) -> None:
    """Every file of a set came through `files.disk`: opened, and renamed if it had another name before."""
    calls = calls_of(lambda: build(small(), quick_path / "out"))
    opened = {path.name for when, path in calls if when == "after open"}
    renamed = {path.name for when, path in calls if when == "after rename"}
    for path in (quick_path / "out").rglob("*"):
        if path.is_file() and path.name != "lock":
            assert path.name in renamed & {name.removeprefix(".").removesuffix(".part") for name in opened}, path


@pytest.mark.parametrize("torn", [b"", b"{", b"half a li"])
def test_a_line_after_a_torn_one_stands_alone(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\n" + torn)
    append_durably(path, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_line_in_a_file_that_holds_only_a_torn_one(tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(b"torn")
    append_durably(tmp_path / "lines", b"one\n")
    append_durably(tmp_path / "new", b"one\n")
    assert (tmp_path / "lines").read_bytes() == (tmp_path / "new").read_bytes() == b"one\n"


def test_production_works_on_a_plain_disk() -> None:
    from shards import files

    assert type(files.disk) is Disk
