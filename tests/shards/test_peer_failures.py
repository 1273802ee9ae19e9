"""How other builders lose, double or spoil data: each way that was seen elsewhere is a test here.

`SEEN` maps each failure to the tests that keep it away; failures of parts that this suite does not have yet say so.
"""

import errno
import hashlib
import importlib
import io
import pickle
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image as Picture

from curation.pipelines.t2m import t2m_pipeline
from curation.sources import read_pairs
from curation.writers import make_writer
from shards.draft import Draft, HeldBytes
from shards.keys import make_key
from shards.manifest import MANIFEST, SHARDS
from shards.media import media_part, probe
from shards.reader import ShardSet, held
from shards.sample import Sample, Text, Turn
from shards.verify import verify
from shards.work import Drop, audit, build, read_ledger
from shards.writer import ShardSpec
from tests.conftest import SHARED
from tests.factories import Word, media_draft, png, wav
from tests.shards.test_media import film
from tests.shards.words import digests, outcomes, pipeline, text_draft, words

SEEN: Sequence[tuple[str, str]] = (
    ("an exception inside the writer", "shards.test_writer_reader::test_an_error_in_the_middle_leaves_no_shard"),
    ("an exception inside the writer", "shards.test_peer_failures::test_an_error_in_a_build_leaves_no_shard"),
    ("`kill -9` between data and completion mark", "shards.test_failpoints::test_killed_at_every_call_of_the_disk"),
    ("`kill -9` between data and completion mark", "shards.test_kills::test_random_kills"),
    ("resume with a changed recipe", "shards.test_work::test_a_changed_recipe_is_refused_with_the_difference"),
    ("resume with a changed recipe", "shards.test_work::test_changed_inputs_are_refused_by_name"),
    (
        "resume with a changed recipe",
        "shards.test_work::test_changed_bytes_of_a_file_are_refused_and_a_touched_file_is_not",
    ),
    (
        "resume with another number of workers",
        "shards.test_peer_failures::test_other_workers_reuse_every_finished_unit",
    ),
    ("one poisoned row in a batch", "shards.test_work::test_one_poisoned_row_of_a_thousand_costs_one_row"),
    ("a failing pool worker", "shards.test_work::test_a_dying_worker_fails_the_build_and_finished_buckets_stay"),
    ("a batch size smaller", "shards.test_peer_failures::test_shards_smaller_than_a_unit_keep_all_rows"),
    ("a batch size smaller", "shards.test_peer_failures::test_items_that_split_stay_with_their_parents"),
    ("duplicate source ids", "shards.test_work::test_repeated_ids_are_merged_if_equal_and_dropped_if_not"),
    ("duplicate source ids", "shards.test_peer_failures::test_equal_contents_under_two_ids_are_two_samples"),
    ("a torn last line", "shards.test_work::test_a_torn_manifest_line_is_work_to_be_done_again"),
    ("a torn last line", "shards.test_failpoints::test_a_line_after_a_torn_one_stands_alone"),
    ("keys with dots", "shards.test_keys::test_names_that_readers_confuse_stay_apart"),
    ("keys with dots", "shards.test_writer_reader::test_keys_that_split_or_lead_out_are_refused"),
    ("keys with dots", "shards.test_verify::test_faults_of_a_foreign_tar"),
    ("truncation at every 512-byte boundary", "shards.test_verify::test_a_cut_at_every_block_is_found"),
    ("truncation at every 512-byte boundary", "shards.test_verify::test_a_foreign_tar_cut_at_any_block_is_found"),
    ("optional media", "shards.test_codec::test_every_part_has_every_field"),
    ("optional media", "shards.test_readers::test_hugging_face_datasets"),
    ("`.id .index .cls` are parsed", "shards.test_verify::test_faults_of_a_foreign_tar"),
    ("a float modification time", "shards.test_tar::test_headers_are_tarfiles_to_the_byte"),
    ("a float modification time", "shards.test_verify::test_a_float_time_is_found"),
    ("bytes in = bytes out", "shards.test_peer_failures::test_bytes_in_are_bytes_out"),
    ("same seed, same plan", "shards.test_peer_failures::test_no_global_random_state"),
    ("same seed, same plan", "shards.test_work::test_workers_and_repetition_change_no_byte"),
    ("an error text that contains", "not yet: nothing here calls a language model over the network"),
    ("generation that a safety check rejects", "not yet: nothing here generates media"),
    ("oversize media is a failure", "shards.test_media::test_media_beyond_the_limits_are_refused"),
    ("a reviewer's time-out", "not yet: nobody reviews"),
    ("Ctrl-C gives 130", "anymodal.test_stops::test_a_build_stopped_again_and_again_ends_in_the_same_bytes"),
    (
        "two runs on one output folder",
        "shards.test_work::test_a_second_build_on_the_folder_is_refused_until_the_first_is_dead",
    ),
    ("two runs on one output folder", "anymodal.test_stops::test_no_orphan_writes_beside_the_next_build"),
    ("AudioCaps' test split", "not yet: decontamination"),
    ("several media in one human turn", "shards.test_peer_failures::test_several_media_on_both_sides_survive"),
)


def test_each_failure_that_was_seen_has_a_test() -> None:
    listed = SHARED.parent / "reference" / "peer_failures.md"
    if not listed.exists():
        pytest.skip("../shared/reference/peer_failures.md is absent")
    rows = [line.removeprefix("| ") for line in listed.read_text().splitlines() if line.startswith("| ")]
    failures = [row for row in rows if not row.startswith("test idea")]
    missing = [row for row in failures if not any(row.startswith(seen) for seen, _ in SEEN)]
    assert missing == []
    assert [seen for seen, _ in SEEN if not any(row.startswith(seen) for row in failures)] == []


@pytest.mark.parametrize("test", sorted({test for _, test in SEEN if not test.startswith("not yet")}))
def test_the_tests_that_are_named_exist(test: str) -> None:
    module, _, name = test.partition("::")
    assert callable(getattr(importlib.import_module(f"tests.{module}"), name))


class Mislabel(msgspec.Struct, frozen=True):
    """A picture; that of w3 is no longer what it was when it was probed."""

    name: str = "mislabel"
    version: int = 1

    def __call__(self, record: Word) -> Draft:
        draft = media_draft(make_key("words", record.id), picture=png())
        changed = {name: HeldBytes(png(colour="blue")) for name in draft.blobs} if record.id == "w3" else draft.blobs
        return msgspec.structs.replace(draft, blobs=changed)


def test_a_file_that_is_not_what_was_probed_costs_its_row(tmp_path: Path) -> None:
    build(pipeline(words(9), step=Mislabel(), n_buckets=1), tmp_path)
    (row,) = (row for row in read_ledger(tmp_path) if row.outcome != "written")
    assert (row.id, row.outcome, row.reason) == ("w3", "failed", "sample_error")
    assert "the file changed: build again" in row.detail
    assert len(list(ShardSet(tmp_path))) == 8
    assert audit(tmp_path).faults == []
    assert verify(tmp_path) == []


class Unreadable(msgspec.Struct, frozen=True):
    """Bytes on a disk that is broken."""

    def read(self) -> bytes:
        raise OSError(errno.EIO, "input/output error")


class Lose(msgspec.Struct, frozen=True):
    """A picture; that of w3 cannot be read again."""

    name: str = "lose"
    version: int = 1

    def __call__(self, record: Word) -> Draft:
        draft = media_draft(make_key("words", record.id), picture=png())
        lost: Any = {name: Unreadable() for name in draft.blobs} if record.id == "w3" else draft.blobs
        return msgspec.structs.replace(draft, blobs=lost)


def test_an_error_in_a_build_leaves_no_shard(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="input/output error"):
        build(pipeline(words(9), step=Lose(), n_buckets=1), tmp_path)
    assert not list(tmp_path.rglob("*.tar*"))
    assert (tmp_path / MANIFEST).read_bytes() == b""


@pytest.mark.parametrize("workers", [2, 3])
def test_other_workers_reuse_every_finished_unit(tmp_path: Path, workers: int) -> None:
    """Neither the number of workers nor what would be today's number of buckets changes what is finished."""
    build(pipeline(words(30)), tmp_path)
    expected, lines = digests(tmp_path), (tmp_path / MANIFEST).read_bytes().splitlines(keepends=True)
    (tmp_path / MANIFEST).write_bytes(b"".join(lines[:2]))
    finished = [path for stem in ("00000", "00001") for path in tmp_path.rglob(f"bucket-{stem}*")]
    times = [path.stat().st_mtime_ns for path in finished]
    build(pipeline(words(30), n_buckets=None), tmp_path, workers=workers)
    assert [path.stat().st_mtime_ns for path in finished] == times
    assert digests(tmp_path) == expected


def test_shards_smaller_than_a_unit_keep_all_rows(tmp_path: Path) -> None:
    for limit in (1, 3, 1000):
        build(pipeline(words(31), n_buckets=2, spec=ShardSpec(max_samples=limit)), tmp_path / str(limit))
    ones, threes, whole = (
        sorted(draft.sample.key for draft in ShardSet(tmp_path / name)) for name in ("1", "3", "1000")
    )
    assert ones == threes == whole
    assert len(set(whole)) == 31
    assert len(list((tmp_path / "1" / SHARDS).iterdir())) == 31


class Branch(msgspec.Struct, frozen=True):
    """Three words out of one."""

    name: str = "branch"
    version: int = 1

    def __call__(self, record: Word) -> tuple[Word, ...]:
        return tuple(Word(f"{record.id}-{n}", f"{record.word}, turn {n}") for n in range(3))


class Gather(msgspec.Struct, frozen=True):
    """A sample of each word but every second one's second branch."""

    name: str = "gather"
    version: int = 1

    def __call__(self, record: Word) -> Draft | Drop:
        number, _, branch = record.id.removeprefix("w").partition("-")
        return Drop("second", "") if branch == "1" and int(number) % 2 else text_draft(record.id, record.word)


def test_items_that_split_stay_with_their_parents(tmp_path: Path) -> None:
    steps: tuple[Any, ...] = (Branch(), Gather())
    build(msgspec.structs.replace(pipeline(words(20)), steps=steps), tmp_path)
    said = {draft.sample.key: draft.sample.turns[1].text for draft in ShardSet(tmp_path)}
    kept = [(n, branch) for n in range(20) for branch in range(3) if not (branch == 1 and n % 2)]
    assert said == {make_key("words", f"w{n}-{branch}"): f"word {n}, turn {branch}" for n, branch in kept}
    books = audit(tmp_path)
    assert (books.n_in, books.n_created, books.n_written, books.n_dropped, books.faults) == (20, 40, 50, 10, [])


def test_equal_contents_under_two_ids_are_two_samples(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(png())
    records = [*(Word(name, "file:", (str(picture),)) for name in ("a", "b")), Word("c", "same"), Word("d", "same")]
    build(pipeline(records), tmp_path / "out")
    assert set(outcomes(tmp_path / "out").values()) == {("written", "")}
    assert len(list(ShardSet(tmp_path / "out"))) == 4


def test_bytes_in_are_bytes_out(tmp_path: Path) -> None:
    photo = io.BytesIO()
    Picture.new("RGB", (32, 24), "red").save(photo, "JPEG", quality=31)
    media = {"a.jpg": photo.getvalue(), "b.png": png(), "c.wav": wav(), "d.mp4": film(sound=True)}
    for name, content in media.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "captions.csv").write_text("\n".join(["file,caption", *(f"{name},about {name}" for name in media)]))
    pairs = read_pairs(f"folder:{tmp_path}")
    build(t2m_pipeline(pairs, source="folder", writer=make_writer("offline")), tmp_path / "out")
    written = {}
    for draft in ShardSet(tmp_path / "out"):
        (part,) = draft.sample.media()
        written[part.provenance.id] = held(draft)[part.member]
    assert written == media


def global_numpy_state() -> bytes:
    return pickle.dumps(np.random.get_state())  # noqa: NPY002


def test_no_global_random_state(tmp_path: Path, captioned_folder: Any) -> None:
    source = f"folder:{captioned_folder(12)}"
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (the global state is what must not matter)
        state, numpy_state = random.getstate(), global_numpy_state()
        build(t2m_pipeline(read_pairs(source), source="folder", writer=make_writer("offline")), tmp_path / str(seed))
        assert random.getstate() == state
        assert global_numpy_state() == numpy_state
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


class Converse(msgspec.Struct, frozen=True):
    """Two pictures and a sound from the person, a picture and a sound back, and once more."""

    name: str = "converse"
    version: int = 1

    def __call__(self, record: Word) -> Draft:
        key = make_key("words", record.id)
        turns, blobs = [], {}
        for number, contents in enumerate(2 * ([png(), png(9, 9), wav()], [png(7, 7), wav(level=9)])):
            parts = []
            for place, content in enumerate(contents):
                facts = probe(content)
                member = f"{key}.{number}-{place}.{facts.extension}"
                parts.append(media_part(facts, member=member, sha256=hashlib.sha256(content).hexdigest()))
                blobs[member] = HeldBytes(content)
            both = (parts[0], Text(record.word), *parts[1:])
            turns.append(Turn("machine", both) if number % 2 else Turn("human", both))
        return Draft(Sample(key=key, kind="t2m", turns=tuple(turns)), blobs)


def test_several_media_on_both_sides_survive(tmp_path: Path) -> None:
    build(pipeline(words(5), step=Converse()), tmp_path)
    for draft in ShardSet(tmp_path):
        name = draft.sample.turns[0].text.removeprefix("word ")
        expected = Converse()(Word(f"w{name}", draft.sample.turns[0].text))
        assert draft.sample == expected.sample
        assert held(draft) == held(expected)
        assert [len(turn.parts) for turn in draft.sample.turns] == [4, 3, 4, 3]
    assert len(ShardSet(tmp_path)) == 5
    assert verify(tmp_path) == []
