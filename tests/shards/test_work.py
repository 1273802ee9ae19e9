"""Builds: resumable, deterministic, refusing what changed, accounting for every input."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shards.errors import UsageError, WorkError
from shards.keys import make_key
from shards.manifest import LEDGER, MANIFEST, SHARDS
from shards.reader import ShardSet
from shards.work import LedgerRow, audit, build, read_ledger, read_recipe
from shards.work.story import tell
from shards.writer import ShardSpec
from tests.conftest import ROOT
from tests.factories import Word, png
from tests.shards.words import Say, Settings, digests, outcomes, pipeline, words


def test_every_input_ends_in_exactly_one_place(tmp_path: Path) -> None:
    records = words(20, w1="drop", w2="fail", w3="poison", w4="twins")
    assert build(pipeline(records), tmp_path)
    ends = outcomes(tmp_path)
    assert ends["w1"] == ("dropped", "asked_for")
    assert ends["w2"] == ("failed", "media_error")
    assert ends["w3"] == ("failed", "zero_division_error")
    assert ends["w4"] == ends["w4#1"] == ends["w0"] == ("written", "")
    books = audit(tmp_path)
    assert (books.n_in, books.n_created, books.n_written) == (20, 1, 18)
    assert (books.n_dropped, books.n_failed, books.n_merged, books.faults) == (1, 2, 0, [])
    assert len(list(ShardSet(tmp_path))) == 18


def test_one_poisoned_row_of_a_thousand_costs_one_row(tmp_path: Path) -> None:
    build(pipeline(words(1000, w500="poison"), n_buckets=None), tmp_path)
    assert Counter(row.outcome for row in read_ledger(tmp_path)) == {"written": 999, "failed": 1}
    (row,) = (row for row in read_ledger(tmp_path) if row.outcome == "failed")
    assert row == LedgerRow("w500", "", "failed", "say", "zero_division_error", row.detail)
    assert "by zero" in row.detail


def test_wrong_settings_end_the_build_not_each_row(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--writer"):
        build(pipeline(words(3), step=Settings()), tmp_path)


def test_repeated_ids_are_merged_if_equal_and_dropped_if_not(tmp_path: Path) -> None:
    records = [Word("a", "one"), Word("a", "one"), Word("a", "other"), Word("b", "one")]
    build(pipeline(records), tmp_path)
    assert outcomes(tmp_path) == {
        "a": ("written", ""),
        "a~2": ("merged", "repeated_id"),
        "a~3": ("dropped", "repeated_id"),
        "b": ("written", ""),
    }
    assert audit(tmp_path).faults == []


def test_workers_and_repetition_change_no_byte(tmp_path: Path) -> None:
    records = words(60, w3="drop", w4="twins", w5="fail")
    for workers in (1, 2, 8):
        build(pipeline(records, n_buckets=9), tmp_path / str(workers), workers=workers)
    assert digests(tmp_path / "1") == digests(tmp_path / "2") == digests(tmp_path / "8")
    assert len([name for name in digests(tmp_path / "1") if name.startswith(SHARDS)]) == 9


def test_another_day_place_and_machine_change_no_byte(tmp_path: Path) -> None:
    """Another process with other hash seeds, time zone, language and clock."""
    code = (
        "import sys, time, pathlib; from shards.work import build; from tests.shards.words import pipeline, words; "
        "now = time.time; time.time = lambda: now() + 1e6; build(pipeline(words(30)), pathlib.Path(sys.argv[1]))"
    )
    abroad = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, tmp_path / "abroad"], env=os.environ | abroad, check=True, cwd=tmp_path)
    build(pipeline(words(30)), tmp_path / "here")
    assert digests(tmp_path / "abroad") == digests(tmp_path / "here")


def test_another_seed_gives_another_order(tmp_path: Path) -> None:
    build(pipeline(words(30), n_buckets=1), tmp_path / "0")
    build(pipeline(words(30), n_buckets=1, seed=1), tmp_path / "1")
    orders = [[draft.sample.key for draft in ShardSet(tmp_path / name)] for name in "01"]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != sorted(orders[0])


def test_one_dropped_row_changes_one_bucket(tmp_path: Path) -> None:
    build(pipeline(words(40), spec=ShardSpec(max_samples=3)), tmp_path / "0")
    build(pipeline(words(40, w7="drop"), spec=ShardSpec(max_samples=3)), tmp_path / "1")
    before, after = (digests(tmp_path / name) for name in "01")
    changed = {name[:19] for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    buckets = {name for name in changed if name.startswith(SHARDS)}
    assert len(buckets) == 1


def test_a_finished_build_does_nothing(tmp_path: Path) -> None:
    assert build(pipeline(words(9)), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != "lock"}
    assert not build(pipeline(words(9)), tmp_path)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_changed_recipe_is_refused_with_the_difference(tmp_path: Path) -> None:
    build(pipeline(words(9)), tmp_path)
    before = digests(tmp_path)
    with pytest.raises(WorkError, match=r"settings\.writer was 'test' and is 'other'"):
        build(pipeline(words(9), settings={"writer": "other"}), tmp_path)
    with pytest.raises(WorkError, match="seed was 0 and is 5"):
        build(pipeline(words(9), seed=5), tmp_path)
    with pytest.raises(WorkError, match="steps was"):
        build(pipeline(words(9), step=Say(version=2)), tmp_path)
    with pytest.raises(WorkError, match=r"spec\.max_samples was 10000 and is 7"):
        build(pipeline(words(9), spec=ShardSpec(max_samples=7)), tmp_path)
    assert digests(tmp_path) == before


def test_changed_inputs_are_refused_by_name(tmp_path: Path) -> None:
    build(pipeline(words(9)), tmp_path)
    with pytest.raises(WorkError, match="new: w9"):
        build(pipeline(words(10)), tmp_path)
    with pytest.raises(WorkError, match="gone: w8"):
        build(pipeline(words(8)), tmp_path)
    with pytest.raises(WorkError, match="changed: w4"):
        build(pipeline(words(9, w4="another word")), tmp_path)


def test_changed_bytes_of_a_file_are_refused_and_a_touched_file_is_not(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(png())
    records = [Word("a", "file:", (str(picture),))]
    build(pipeline(records), tmp_path / "out")
    os.utime(picture, ns=(1, 1))
    assert not build(pipeline(records), tmp_path / "out")
    picture.write_bytes(png(colour="blue"))
    with pytest.raises(WorkError, match="changed: a"):
        build(pipeline(records), tmp_path / "out")


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("do not touch")
    with pytest.raises(WorkError, match=r"thesis\.tex"):
        build(pipeline(words(3)), tmp_path)


def _build_slowly(folder: Path, after: int) -> None:
    """Build until `after` buckets are in the manifest, then die as power cuts do."""

    def die(done: int, total: int) -> None:
        if done == after:
            os.kill(os.getpid(), signal.SIGKILL)

    build(pipeline(words(30)), folder, progress=die)


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_a_killed_build_goes_on_and_ends_in_the_same_bytes(tmp_path: Path, after: int) -> None:
    build(pipeline(words(30)), tmp_path / "whole")
    process = multiprocessing.get_context("fork").Process(target=_build_slowly, args=(tmp_path / "killed", after))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    finished = (tmp_path / "killed" / MANIFEST).read_bytes().count(b"\n")
    assert finished == after
    build(pipeline(words(30)), tmp_path / "killed")
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


def test_a_torn_manifest_line_is_work_to_be_done_again(tmp_path: Path) -> None:
    build(pipeline(words(30)), tmp_path / "whole")
    build(pipeline(words(30)), tmp_path / "torn")
    content = (tmp_path / "torn" / MANIFEST).read_bytes()
    (tmp_path / "torn" / MANIFEST).write_bytes(content[:-20])
    assert build(pipeline(words(30)), tmp_path / "torn")
    assert digests(tmp_path / "torn") == digests(tmp_path / "whole")


def test_leftovers_of_a_killed_unit_vanish(tmp_path: Path) -> None:
    build(pipeline(words(30)), tmp_path)
    before = digests(tmp_path)
    lines = (tmp_path / MANIFEST).read_bytes().splitlines(keepends=True)
    (tmp_path / MANIFEST).write_bytes(b"".join(lines[:-1]))
    (tmp_path / SHARDS / "bucket-00003-001.tar").write_bytes(b"half a shard")
    (tmp_path / SHARDS / ".bucket-00003-002.tar.part").write_bytes(b"less")
    build(pipeline(words(30)), tmp_path)
    assert digests(tmp_path) == before


def test_a_dying_worker_fails_the_build_and_finished_buckets_stay(tmp_path: Path) -> None:
    records = words(30, w11="die")
    with pytest.raises(WorkError, match="workers that live"):
        build(pipeline(records, step=Say(parent_pid=os.getpid())), tmp_path, workers=2)
    build(pipeline(records, step=Say(parent_pid=os.getpid())), tmp_path, workers=1)
    assert audit(tmp_path).n_written == 30


def _hold(folder: Path, ready: Any) -> None:
    def wait(done: int, total: int) -> None:
        ready.set()
        signal.pause()

    build(pipeline(words(30)), folder, progress=wait)


def test_a_second_build_on_the_folder_is_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=_hold, args=(tmp_path, ready))
    process.start()
    assert ready.wait(30)
    with pytest.raises(WorkError, match="one is at work"):
        build(pipeline(words(30)), tmp_path)
    process.kill()
    process.join()
    assert build(pipeline(words(30)), tmp_path)


def test_audit_finds_what_does_not_balance(tmp_path: Path) -> None:
    build(pipeline(words(30, w1="drop")), tmp_path)
    assert audit(tmp_path).faults == []
    (tmp_path / LEDGER / "bucket-00002.parquet").unlink()
    faults = audit(tmp_path).faults
    assert any("was planned and has no end" in fault for fault in faults)
    assert any("in the index and not written" in fault for fault in faults)


def test_a_published_set_without_working_files_still_balances(tmp_path: Path) -> None:
    build(pipeline(words(30, w1="drop")), tmp_path)
    for path in sorted((tmp_path / ".work").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (tmp_path / ".work").rmdir()
    books = audit(tmp_path)
    assert (books.n_in, books.n_written, books.faults) == (30, 29, [])


def test_stories_are_told_by_id_and_by_key(tmp_path: Path) -> None:
    build(pipeline(words(5, w1="drop", w2="fail", w3="twins")), tmp_path)
    assert "dropped at step say: asked_for (w1)" in " ".join(tell(tmp_path, "w1"))
    assert "A retry could succeed" in " ".join(tell(tmp_path, "w2"))
    assert "made by a step" in " ".join(tell(tmp_path, "w3#1"))
    by_key = tell(tmp_path, make_key("words", "w0"))
    assert by_key == tell(tmp_path, "w0")
    assert by_key[-1] == "machine: word 0"
    assert tell(tmp_path, "nobody") == []


def test_a_merged_inputs_story_names_the_sample_it_went_into(tmp_path: Path) -> None:
    build(pipeline([Word("a", "one"), Word("a", "one")]), tmp_path)
    assert f"merged into {make_key('words', 'a')} at step write" in " ".join(tell(tmp_path, "a~2"))


def test_a_recipe_of_another_version_is_refused(tmp_path: Path) -> None:
    build(pipeline(words(3)), tmp_path)
    path = tmp_path / "recipe.json"
    path.write_text(path.read_text().replace("anymodal.recipe/1", "anymodal.recipe/2"))
    with pytest.raises(WorkError, match="recipe/2"):
        read_recipe(tmp_path)
