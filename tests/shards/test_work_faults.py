"""Faults of steps, inputs and folders: what each costs, and that nothing of it is silent."""

import csv
import errno
import functools
import io
import os
import struct
import wave
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image as Picture

from shards.card import write_card
from shards.draft import Draft, FileBytes
from shards.errors import MediaError, ShardError, UsageError, WorkError
from shards.keys import make_key
from shards.manifest import MANIFEST
from shards.reader import ShardSet
from shards.sample import Sample, Text, Turn
from shards.verify import verify
from shards.work import Drop, audit, build, read_ledger
from shards.work.plan import make_plan
from shards.work.takedown import take_down
from tests.factories import Word, media_draft, png
from tests.shards.words import digests, outcomes, pipeline, text_draft, words


def fail_with(error: Exception) -> Any:
    raise error


def said(key: str, word: str) -> Draft:
    return Draft(Sample(key=key, kind="t2m", turns=(Turn("human", (Text(word),)),)))


def with_meta(value: object) -> Draft:
    return msgspec.structs.replace(
        said("odd", "x"), sample=msgspec.structs.replace(said("odd", "x").sample, meta={"a": value})
    )  # type: ignore[dict-item]


class NoBlob:
    def read(self) -> bytes:
        return fail_with(KeyError("gone"))


def picture_without(blobs: Mapping[str, FileBytes | NoBlob]) -> Draft:
    return msgspec.structs.replace(media_draft(make_key("words", "odd"), picture=png()), blobs=blobs)


ERRORS: Mapping[str, tuple[Callable[[], object], str]] = {
    "stop": (lambda: next(iter([])), "stop_iteration"),
    "struct": (lambda: struct.unpack("<I", b""), "error"),
    "zlib": (lambda: zlib.decompress(b"x"), "error"),
    "wave": (lambda: wave.Wave_read(io.BytesIO(b"RIFFxxxxAVI ")), "error"),
    "wave_empty": (lambda: wave.Wave_read(io.BytesIO()), "e_o_f_error"),
    "csv": (lambda: list(csv.reader(['"x'], strict=True)), "error"),
    "picture": (lambda: Picture.open(io.BytesIO(b"x")), "unidentified_image_error"),
    "no_file": (lambda: Path("nowhere").read_bytes(), "file_not_found_error"),
    "loop": (lambda: fail_with(OSError(errno.ELOOP, "too many links")), "o_s_error"),
    "own": (lambda: fail_with(type("OwnError", (Exception,), {})()), "own_error"),
    "surrogate": (lambda: fail_with(MediaError("\udcff", expected="a", found="b")), "media_error"),
}
UNFIT: Mapping[str, tuple[Callable[[], object], str]] = {
    "no_utf_8": (lambda: text_draft("odd", "\ud800"), "sample_error"),
    "no_key": (lambda: said("Bad Key", "x"), "sample_error"),
    "no_bytes": (lambda: picture_without({}), "sample_error"),
    "no_file": (lambda: picture_without({f"{make_key('words', 'odd')}.1-0.png": FileBytes("nowhere")}), "media_error"),
    "no_draft": (lambda: "hello", "attribute_error"),
    "nothing": (lambda: None, "work_error"),
    "a_generator": (lambda: (text_draft(name, name) for name in "ab"), "attribute_error"),
    "a_list": (lambda: with_meta([float("nan")]), "sample_error"),
    "deep": (lambda: with_meta(functools.reduce(lambda inner, _: [inner], range(9999), [])), "recursion_error"),
    "odd_blob": (lambda: picture_without({f"{make_key('words', 'odd')}.1-0.png": NoBlob()}), "key_error"),
    "one_of_two": (lambda: (text_draft("odd", "x"), said("Bad Key", "x")), "sample_error"),
}
MACHINE: Mapping[str, Callable[[], object]] = {
    "no space left": lambda: fail_with(OSError(errno.ENOSPC, "no space left")),
    "too many files": lambda: fail_with(OSError(errno.EMFILE, "too many files")),
    "no memory": lambda: fail_with(MemoryError("no memory")),
    "no library": lambda: fail_with(ImportError("no library")),
}


class Odd(msgspec.Struct, frozen=True):
    """Writes words, and does with one of them what its name in a table above says."""

    name: str = "odd"
    version: int = 1

    def __call__(self, record: Word) -> Any:
        made = {f"!{name}": make for name, (make, _) in ERRORS.items()}
        made |= {f"?{name}": make for name, (make, _) in UNFIT.items()} | MACHINE
        if record.word in made:
            return made[record.word]()
        return Drop("odd", "\udcff") if record.word == "drop" else text_draft(record.id, record.word)


def assert_costs_one_row(folder: Path, word: str, reason: str, workers: int) -> None:
    build(pipeline(words(40, w5=word), step=Odd()), folder, workers=workers)
    ends = outcomes(folder)
    assert ends.pop("w5") == ("failed", reason)
    assert (len(ends), set(ends.values())) == (39, {("written", "")})
    assert audit(folder).faults == []
    assert verify(folder) == []


@pytest.mark.parametrize("name", ERRORS)
def test_whatever_a_step_raises_costs_one_row(tmp_path: Path, name: str) -> None:
    assert_costs_one_row(tmp_path, f"!{name}", ERRORS[name][1], workers=2 if name == "stop" else 1)


def test_a_step_that_stops_an_iteration_ends_no_build_in_silence(tmp_path: Path) -> None:
    assert_costs_one_row(tmp_path, "!stop", "stop_iteration", workers=1)


@pytest.mark.parametrize("name", UNFIT)
def test_a_draft_that_cannot_be_written_costs_one_row(tmp_path: Path, name: str) -> None:
    assert_costs_one_row(tmp_path, f"?{name}", UNFIT[name][1], workers=1)


@pytest.mark.parametrize("word", MACHINE)
def test_errors_of_the_machine_and_the_installation_end_the_build(tmp_path: Path, word: str) -> None:
    with pytest.raises((OSError, MemoryError, ImportError), match=word):
        build(pipeline(words(9, w5=word), step=Odd()), tmp_path)


def test_a_name_that_no_system_takes_is_that_of_a_missing_file() -> None:
    (lines,) = make_plan([Word("a", "x", ("a\0b.png",)), Word("b", "x", ("x" * 300,))], n_buckets=1).values()
    assert [line.stamp for line in lines] == ["missing", "missing"]


def test_details_without_utf_8_are_escaped(tmp_path: Path) -> None:
    build(pipeline(words(9, w5="drop", w6="!surrogate"), step=Odd()), tmp_path)
    details = {row.id: row.detail for row in read_ledger(tmp_path) if row.detail}
    assert details == {"w5": "\\udcff", "w6": "\\udcff: expected a, found b"}


def test_audit_tells_an_unfinished_build_and_counts_only_what_is_finished(tmp_path: Path) -> None:
    build(pipeline(words(30)), tmp_path)
    lines = (tmp_path / MANIFEST).read_bytes().splitlines(keepends=True)
    (tmp_path / MANIFEST).write_bytes(b"".join(lines[:3]))  # the fourth bucket's ledger and index are there
    assert audit(tmp_path).faults == ["3 of 4 buckets are finished"]


def test_a_manifest_with_two_lines_of_a_bucket_is_refused(tmp_path: Path) -> None:
    build(pipeline(words(30)), tmp_path)
    lines = (tmp_path / MANIFEST).read_bytes().splitlines(keepends=True)
    (tmp_path / MANIFEST).write_bytes(b"".join([*lines, lines[0]]))
    with pytest.raises(ShardError, match="expected one line a bucket, found 5 lines of 4 buckets"):
        audit(tmp_path)


class OneKey(msgspec.Struct, frozen=True):
    """Gives every sample the same key."""

    name: str = "one_key"
    version: int = 1

    def __call__(self, record: Word) -> Draft:
        return text_draft("one", record.word)


def test_a_key_in_two_buckets_is_refused_and_told(tmp_path: Path) -> None:
    key = make_key("words", "one")
    for _ in range(2):  # also when all is built
        with pytest.raises(WorkError, match=f"expected every key once, found more of .*{key}"):
            build(pipeline(words(30), step=OneKey()), tmp_path)
    assert audit(tmp_path).faults == [f"{key} is 4 times in the index"]


def test_a_touched_file_of_a_dropped_row_is_no_change(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("first", "other", "dropped")]
    for file in files:
        file.write_bytes(png())
    files[1].write_bytes(png(colour="blue"))
    first, other, dropped = map(str, files)
    records = [Word("a", "file:", (first,)), Word("a", "file:", (other,)), Word("b", "drop", (dropped,))]
    build(pipeline(records), tmp_path / "out")
    assert [end for end, _ in outcomes(tmp_path / "out").values()] == ["written", "dropped", "dropped"]
    for file in files:
        os.utime(file, ns=(1, 1))
    assert not build(pipeline(records), tmp_path / "out")
    files[2].write_bytes(png() + b"x")
    with pytest.raises(WorkError, match="changed: b;"):
        build(pipeline(records), tmp_path / "out")


@pytest.mark.parametrize("ids", [("a", "a", "a~2"), ("a~2", "a", "a"), ("a", "a~2", "a", "a~2", "a~2~2")])
def test_ids_that_look_like_repeated_ones_stay_apart(tmp_path: Path, ids: tuple[str, ...]) -> None:
    records = [Word(name, f"word {number}") for number, name in enumerate(ids)]
    (planned,) = make_plan(records, n_buckets=1).values()
    assert len({line.id for line in planned}) == len(ids)
    build(pipeline(records), tmp_path)
    assert audit(tmp_path).faults == []


@pytest.mark.parametrize("name", ["s3:x", "file:x", "~", "a=b", "x%20y"])
def test_a_relative_folder_is_never_taken_for_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    picture, folder = tmp_path / "a", Path(name)
    picture.write_bytes(png())
    made = pipeline([*words(9, w2="fail"), Word("p", "file:", (str(picture),))])
    build(made, folder)
    os.utime(picture, ns=(1, 1))
    assert not build(made, folder, retry_failed=True)
    write_card(folder, title="x")
    take_down(folder, make_key("words", "w1"), reason="x")
    assert audit(folder).faults == []
    assert ShardSet(folder).get(make_key("words", "w3")).sample.turns[1].text == "word 3"


def test_names_that_utf_8_cannot_carry_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a name in UTF-8"):
        build(pipeline(words(3)), tmp_path / os.fsdecode(b"caf\xe9"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(WorkError, match="record 'p': expected names and texts in UTF-8"):
        build(pipeline([Word("p", "file:", (os.fsdecode(b"caf\xe9"),))]), tmp_path)


def test_a_card_that_says_the_same_is_left_alone(tmp_path: Path) -> None:
    build(pipeline(words(9)), tmp_path)
    write_card(tmp_path, title="x")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    files = digests(tmp_path)
    write_card(tmp_path, title="x")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    write_card(tmp_path, title="y")
    assert digests(tmp_path) != files
