"""Shards out and in: deterministic, rotated, indexed, atomic, and readable by webdataset."""

import gc
import hashlib
import io
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import webdataset
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.draft import Draft, FileBytes, HeldBytes
from shards.errors import SampleError, ShardError
from shards.manifest import SHARDS
from shards.reader import held, read_archive, read_shard
from shards.sample import Provenance, Turn
from shards.write_behind import WriteBehind
from shards.writer import ShardSpec, count_words, write_archive, write_shards
from tests.factories import media_draft, png, wav


def some(n: int) -> list[Draft]:
    return [
        media_draft(f"key-{number}", picture=png(colour=f"#0000{number:02x}"), sound=wav(level=number))
        for number in range(n)
    ]


def content_of(drafts: list[Draft]) -> list[tuple[object, dict[str, bytes]]]:
    return [(draft.sample, held(draft)) for draft in drafts]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    drafts = some(5)
    written = write_shards(tmp_path, "x", drafts, ShardSpec())
    assert [record.name for record in written.records] == ["shards/x-audio_image-000.tar"]
    assert content_of(list(read_shard(tmp_path / "shards/x-audio_image-000.tar"))) == content_of(drafts)


def test_equal_samples_give_equal_bytes(tmp_path: Path) -> None:
    one = write_shards(tmp_path / "a", "x", some(5), ShardSpec()).records
    two = write_shards(tmp_path / "b", "x", some(5), ShardSpec()).records
    assert one == two


def test_records_state_what_lies_on_disk(tmp_path: Path) -> None:
    record = write_shards(tmp_path, "x", some(3), ShardSpec()).records[0]
    content = (tmp_path / record.name).read_bytes()
    assert (record.size_bytes, record.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (record.n_samples, record.signatures) == (3, {"audio+image": 3})


def test_limits_rotate_shards(tmp_path: Path) -> None:
    by_count = write_shards(tmp_path / "a", "x", some(5), ShardSpec(max_samples=2)).records
    assert [record.n_samples for record in by_count] == [2, 2, 1]
    by_size = write_shards(tmp_path / "b", "x", some(5), ShardSpec(max_size_bytes=1)).records
    assert [record.n_samples for record in by_size] == [1] * 5


def test_no_samples_give_no_shard(tmp_path: Path) -> None:
    assert write_shards(tmp_path, "x", [], ShardSpec()).records == []
    assert list((tmp_path / SHARDS).iterdir()) == []


def test_the_index_leads_to_every_member(tmp_path: Path) -> None:
    drafts = some(4)
    rows = write_shards(tmp_path, "x", drafts, ShardSpec(max_samples=3)).rows
    for row, draft in zip(rows, drafts, strict=True):
        for member in row.members:
            content = FileBytes(str(tmp_path / row.shard), member.offset, member.size_bytes).read()
            assert hashlib.sha256(content).hexdigest() == member.sha256
            assert member.name.endswith(".json") or content == draft.blobs[member.name].read()


def test_the_index_tells_sources_licences_and_lengths() -> None:
    draft = media_draft("a", sound=wav(), picture=png())
    picture, sound, words = draft.sample.turns[1].parts
    turn = msgspec.structs.replace(
        draft.sample.turns[1],
        parts=(
            msgspec.structs.replace(picture, provenance=Provenance(source="cc3m", licence="CC0-1.0")),
            msgspec.structs.replace(sound, provenance=Provenance(generator="synth")),
            words,
        ),
    )
    sample = msgspec.structs.replace(draft.sample, turns=(draft.sample.turns[0], turn))
    (row,) = write_archive(io.BytesIO(), [Draft(sample, draft.blobs)])
    assert (row.source, row.licence) == ("cc3m+synth", "CC0-1.0+unknown")
    assert (row.n_turns, row.n_words, row.duration_s) == (2, 2, 0.5)


def test_media_that_changed_since_probing_are_refused(tmp_path: Path) -> None:
    draft = media_draft("a", picture=png())
    other = Draft(draft.sample, dict.fromkeys(draft.blobs, HeldBytes(png(colour="blue"))))
    with pytest.raises(SampleError, match="the file changed"):
        write_shards(tmp_path, "x", [other], ShardSpec())
    assert list((tmp_path / SHARDS).iterdir()) == []


def test_media_that_are_checked_behind_are_refused_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that writes takes over checks whenever it has nothing to do."""
    monkeypatch.setattr(WriteBehind, "is_idle", True)
    assert len(write_shards(tmp_path / "a", "x", some(3), ShardSpec()).rows) == 3
    first, changed = some(2)
    blobs = {member: HeldBytes(b"other") for member in changed.blobs}
    with pytest.raises(SampleError, match=r"key-1.*the file changed"):
        write_shards(tmp_path / "b", "x", [first, Draft(changed.sample, blobs)], ShardSpec())
    assert list((tmp_path / "b" / SHARDS).iterdir()) == []


def test_an_idle_thread_takes_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    take = WriteBehind.leave
    monkeypatch.setattr(WriteBehind, "leave", lambda self, check: (left.append(1), take(self, check)))
    monkeypatch.setattr("shards.write_behind._BATCH_BYTES", 1)

    def slowly() -> Iterator[Draft]:
        for draft in some(3):
            yield draft
            time.sleep(0.2)

    write_shards(tmp_path, "x", slowly(), ShardSpec())
    assert len(left) >= 2


@pytest.mark.parametrize("key", ["a.b", "A", "../a", ""])
def test_keys_that_split_or_lead_out_are_refused(key: str) -> None:
    with pytest.raises(SampleError, match="a key of"):
        write_archive(io.BytesIO(), [media_draft(key, picture=png())])


@pytest.mark.parametrize(
    "member",
    [
        "a.json",
        "a.png",
        "a.1-0.PNG",
        "a.1-0",
        "a.1-0.",
        "a.b/1-0.png",
        "a./../../x.png",
        "a.1.png",
        "a.1-0.tar.gz",
        "a.1-0.p g",
        "a.\u0661-0.png",
        "b.1-0.png",
        "ab.1-0.png",
        ".1-0.png",
        "a1-0.png",
        "a.1-0.png\n",
        f"a.1-0.{'x' * 95}",
        f"a.{'1' * 95}-0.png",
    ],
)
def test_member_names_outside_the_contract_are_refused(member: str) -> None:
    """KEY.<turn>-<part>.<ext>: KEY.json would take the place of the sample's own."""
    draft = media_draft("a", picture=png())
    (picture, words), (content,) = draft.sample.turns[1].parts, draft.blobs.values()
    turns = (Turn("machine", (msgspec.structs.replace(picture, member=member), words)),)
    with pytest.raises(SampleError, match=r"a name a\.<turn>-<part>\.<ext>"):
        write_archive(io.BytesIO(), [Draft(msgspec.structs.replace(draft.sample, turns=turns), {member: content})])


def test_missing_media_are_refused() -> None:
    draft = media_draft("a", picture=png())
    with pytest.raises(SampleError, match="its bytes"):
        write_archive(io.BytesIO(), [Draft(draft.sample)])


def test_an_error_in_the_middle_leaves_no_shard(tmp_path: Path) -> None:
    broken = Draft(media_draft("b", picture=png()).sample)
    with pytest.raises(SampleError):
        write_shards(tmp_path, "x", [*some(3), broken], ShardSpec())
    assert list((tmp_path / SHARDS).iterdir()) == []


def test_an_archive_without_a_samples_json_is_refused() -> None:
    buffer = io.BytesIO()
    write_archive(buffer, some(1))
    content = buffer.getvalue()
    at = content.index(b"key-0.json")
    renamed = content.replace(b"key-0.json", b"key-0.jsom")
    checksum = int(content[at + 148 : at + 154], 8) + ord("m") - ord("n")
    renamed = renamed[: at + 148] + b"%06o" % checksum + renamed[at + 154 :]
    with pytest.raises(ShardError, match=r"key-0\.json"):
        list(read_archive(renamed, place="x"))


def test_webdataset_reads_our_shards(tmp_path: Path) -> None:
    drafts = some(5)
    write_shards(tmp_path, "x", drafts, ShardSpec(max_samples=2))
    urls = sorted(str(path) for path in (tmp_path / SHARDS).iterdir())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # webdataset leaves its files to the garbage collector
        found = list(webdataset.WebDataset(urls, shardshuffle=False))
        gc.collect()
    assert [one["__key__"] for one in found] == [draft.sample.key for draft in drafts]
    assert [one["1-0.png"] for one in found] == [held(draft)[f"{draft.sample.key}.1-0.png"] for draft in drafts]
    assert [msgspec.json.decode(one["json"])["key"] for one in found] == [draft.sample.key for draft in drafts]


@settings(deadline=None)
@given(st.text(st.sampled_from("ab \t\n\u00a0\u2003\u3000\x1c.é"), max_size=12) | st.text(max_size=12))
def test_words_are_what_split_finds(text: str) -> None:
    assert count_words(text) == len(text.split())


def test_every_blank_parts_words() -> None:
    texts = [f"a{chr(code)}b" for code in range(0x3001)]
    assert [text for text in texts if count_words(text) != len(text.split())] == []


def test_a_shard_holds_one_signature_and_is_named_after_it(tmp_path: Path) -> None:
    mixed = [media_draft("a", picture=png()), media_draft("b"), media_draft("c", sound=wav()), *some(2)]
    mixed.append(media_draft("d", picture=png()))
    records = write_shards(tmp_path, "x", mixed, ShardSpec(max_samples=1)).records
    assert [(record.name, dict(record.signatures)) for record in records] == [
        ("shards/x-audio-000.tar", {"audio": 1}),
        ("shards/x-audio_image-000.tar", {"audio+image": 1}),
        ("shards/x-audio_image-001.tar", {"audio+image": 1}),
        ("shards/x-image-000.tar", {"image": 1}),
        ("shards/x-image-001.tar", {"image": 1}),
        ("shards/x-text-000.tar", {"text": 1}),
    ]


def test_an_error_in_one_of_several_open_shards_leaves_none(tmp_path: Path) -> None:
    broken = Draft(media_draft("b", picture=png()).sample)
    with pytest.raises(SampleError):
        write_shards(tmp_path, "x", [media_draft("a"), media_draft("c", sound=wav()), broken], ShardSpec())
    assert list((tmp_path / SHARDS).iterdir()) == []
