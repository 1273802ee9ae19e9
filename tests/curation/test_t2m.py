"""T2M from end to end: pairs in, shards out, nothing lost, bytes untouched."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.pipelines.t2m import t2m_pipeline
from curation.sources import read_pairs
from curation.writers import GrammarWriter, MediumBrief, make_writer
from shards.card import write_card
from shards.errors import UsageError, WorkError
from shards.media import MediaLimits
from shards.reader import ShardSet, held
from shards.sample import Image, Text
from shards.verify import verify
from shards.work import audit, build, read_ledger
from tests.factories import png, wav
from tests.shards.words import digests


def build_t2m(source: str, out: Path, **settings: object) -> None:
    kind = source.partition(":")[0]
    build(t2m_pipeline(read_pairs(source), source=kind, writer=GrammarWriter(), **settings), out)  # type: ignore[arg-type]


def test_a_folder_becomes_dialogues(tmp_path: Path, captioned_folder: Callable[[int], Path]) -> None:
    folder = captioned_folder(5)
    build_t2m(f"folder:{folder}", tmp_path / "out")
    drafts = list(ShardSet(tmp_path / "out"))
    assert len(drafts) == 5
    for draft in drafts:
        human, machine = draft.sample.turns
        words, picture = machine.parts
        assert (human.role, machine.role, draft.sample.kind) == ("human", "machine", "t2m")
        assert isinstance(words, Text)
        assert isinstance(picture, Image)
        assert picture.caption is not None
        assert picture.caption in human.text
        assert (picture.provenance.source, draft.sample.meta["writer"]) == ("photos", "grammar")
        original = (folder / str(picture.provenance.id)).read_bytes()
        assert held(draft) == {picture.member: original}
        assert picture.sha256 == hashlib.sha256(original).hexdigest()
    assert verify(tmp_path / "out") == []
    assert audit(tmp_path / "out").faults == []


def test_every_way_to_drop_out_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(png())
    (folder / "good.png").write_bytes(png())
    (folder / "cut.png").write_bytes(png()[:20])
    (folder / "wide.png").write_bytes(png(200, 200))
    (folder / "page.png").write_bytes(b"<html>")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    rows = [
        "good.png,a picture",
        "gone.png,x",
        "cut.png,x",
        "wide.png,x",
        "page.png,x",
        "../secret.png,x",
        "link.png,x",
    ]
    rows += ['good.png,"  "', "good.png,"]
    numbered = [f"{number},{row}" for number, row in enumerate(rows)]
    (folder / "captions.csv").write_text("\n".join(["id,file,caption", *numbered]) + "\n")
    build_t2m(f"folder:{folder}", tmp_path / "out", limits=MediaLimits(max_pixels=10_000))
    assert {row.id.rpartition("/")[2]: (row.outcome, row.reason) for row in read_ledger(tmp_path / "out")} == {
        "0": ("written", ""),
        "1": ("dropped", "missing_media"),
        "2": ("dropped", "broken_media"),
        "3": ("dropped", "broken_media"),
        "4": ("dropped", "broken_media"),
        "5": ("dropped", "outside_source"),
        "6": ("dropped", "outside_source"),
        "7": ("dropped", "empty_caption"),
        "8": ("dropped", "empty_caption"),
    }


def test_real_pairs_become_a_set(real_pairs: Path, tmp_path: Path) -> None:
    build_t2m(f"nextgpt:{real_pairs}", tmp_path)
    figures = write_card(tmp_path, title="real")
    assert figures.by_signature == {"audio": 12, "image": 12, "video": 12}
    books = audit(tmp_path)
    assert (books.n_in, books.n_written, list(books.reasons)) == (
        39,
        36,
        [("dropped", "probe_media", "missing_media", 3)],
    )
    assert verify(tmp_path) == []
    for draft in ShardSet(tmp_path):
        (part,) = draft.sample.media()
        folders = {"image": "cc3m/images", "audio": "audiocap/audios", "video": "webvid/videos"}
        files = {
            hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (real_pairs / folders[draft.sample.signature()]).iterdir()
        }
        assert part.sha256 in files


def test_a_sound_listed_as_an_image_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "cc3m" / "images").mkdir(parents=True)
    (tmp_path / "cc3m" / "images" / "a.jpg").write_bytes(wav())
    records = [{"caption": "a bell", "id": "a", "image_name": "a.jpg"}]
    (tmp_path / "cc3m" / "cc3m.json").write_text(json.dumps(records))
    build_t2m(f"nextgpt:{tmp_path}", tmp_path / "out")
    (row,) = read_ledger(tmp_path / "out")
    assert (row.outcome, row.reason, row.detail) == ("dropped", "wrong_modality", "listed as image, is audio")


def test_a_file_that_cannot_be_read_is_missing(tmp_path: Path, captioned_folder: Callable[[int], Path]) -> None:
    folder = captioned_folder(2)
    (folder / "1.png").unlink()
    (folder / "1.png").mkdir()
    build_t2m(f"folder:{folder}", tmp_path / "out")
    assert [row.reason for row in read_ledger(tmp_path / "out")] == ["", "missing_media"]


def test_a_pipe_and_a_file_beyond_the_limit_are_dropped_unread(
    tmp_path: Path, captioned_folder: Callable[[int], Path]
) -> None:
    folder = captioned_folder(3)
    (folder / "1.png").unlink()
    os.mkfifo(folder / "1.png")
    os.truncate(folder / "2.png", 2**40)  # more than any memory; a hole takes no room on the disk
    build_t2m(f"folder:{folder}", tmp_path / "out")
    assert [(row.reason, row.detail) for row in read_ledger(tmp_path / "out")] == [
        ("", ""),
        ("missing_media", "1.png: no regular file"),
        ("broken_media", "expected at most 5.36871e+08 bytes, found 1.09951e+12"),
    ]


def test_a_copied_folder_with_broken_media_is_the_same_folder(
    tmp_path: Path, captioned_folder: Callable[[int], Path]
) -> None:
    folder = captioned_folder(3)
    (folder / "1.png").write_bytes(b"<html>")
    build_t2m(f"folder:{folder}", tmp_path / "out")
    before = digests(tmp_path / "out")
    for path in folder.iterdir():
        os.utime(path, ns=(1, 1))
    build_t2m(f"folder:{folder}", tmp_path / "out")
    assert digests(tmp_path / "out") == before


def test_a_folder_whose_name_utf_8_cannot_carry_is_refused(
    tmp_path: Path, captioned_folder: Callable[[int], Path]
) -> None:
    folder = captioned_folder(1).rename(tmp_path / os.fsdecode(b"caf\xe9"))
    with pytest.raises(WorkError, match="expected names and texts in UTF-8"):
        build_t2m(f"folder:{folder}", tmp_path / "out")


def test_the_card_says_what_the_set_is_for_and_escapes_what_came_from_outside(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(png())
    (folder / "captions.csv").write_text("file,caption,licence\na.png,x,<b>| mine\n")
    build_t2m(f"folder:{folder}", tmp_path / "out")
    write_card(tmp_path / "out", title="Mine", notice="for tests")
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith("---\nconfigs: ")
    assert "\n---\n\n# Mine\n\n**for tests**\n" in card
    assert "&lt;b>\\| mine | 1 |" in card


def test_the_grammar_keeps_captions_whole_and_follows_key_and_seed() -> None:
    writer = make_writer("offline")
    caption = 'a {verb} with {braces} and "quotes"'
    brief = MediumBrief("audio", caption)
    exchanges = [writer.t2m(brief, key=f"k{number}", seed=0) for number in range(50)]
    assert all(caption in one.request for one in exchanges)
    assert len({one.request for one in exchanges}) > 20
    assert exchanges[3] == writer.t2m(brief, key="k3", seed=0)
    assert exchanges != [writer.t2m(brief, key=f"k{number}", seed=1) for number in range(50)]


def test_an_unknown_writer_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="one of offline"):
        make_writer("shakespeare")
