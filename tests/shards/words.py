"""A pipeline over words, for tests of the work itself: its one step does what the word says."""

import hashlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from shards.draft import Draft
from shards.errors import MediaError, UsageError
from shards.keys import make_key
from shards.sample import Sample, Text, Turn
from shards.work import Drop, Pipeline, read_ledger
from tests.factories import Word, media_draft


class Say(msgspec.Struct, frozen=True):
    """Drops, fails, dies, splits or writes, as the word says."""

    name: str = "say"
    version: int = 1
    parent_pid: int = 0

    def __call__(self, record: Word) -> Any:
        if record.word == "drop":
            return Drop("asked_for", record.id)
        if record.word == "fail":
            raise MediaError("here", expected="a", found="b")
        if record.word == "poison":
            return 1 // 0
        if record.word == "die" and os.getpid() != self.parent_pid:
            os.kill(os.getpid(), signal.SIGKILL)
        if record.word == "twins":
            return tuple(text_draft(f"{record.id}-{n}", record.word) for n in range(2))
        if record.word.startswith("file:"):
            return media_draft(make_key("words", record.id), picture=Path(record.files[0]).read_bytes())
        return text_draft(record.id.partition("/")[0], record.word)


class Settings(msgspec.Struct, frozen=True):
    """A step that finds the whole build set up wrongly."""

    name: str = "settings"
    version: int = 1

    def __call__(self, record: Word) -> Any:
        raise UsageError("--writer", expected="a", found="b")


def text_draft(name: str, word: str) -> Draft:
    turns = (Turn("human", (Text("say"),)), Turn("machine", (Text(word),)))
    return Draft(Sample(key=make_key("words", name), kind="t2m", turns=turns))


def words(n: int, **special: str) -> list[Word]:
    return [Word(f"w{number}", special.get(f"w{number}", f"word {number}")) for number in range(n)]


def pipeline(records: Iterable[Word], *, step: Any = None, n_buckets: int | None = 4, **fields: Any) -> Pipeline:
    settings = {"writer": "test"}
    return Pipeline(
        name="words",
        settings=fields.pop("settings", settings),
        records=records,
        record_type=Word,
        steps=(step or Say(),),
        n_buckets=n_buckets,
        **fields,
    )


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every published file, hidden working files aside."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and ".work" not in path.parts]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def outcomes(folder: Path) -> dict[str, tuple[str, str]]:
    return {row.id: (row.outcome, row.reason) for row in read_ledger(folder)}
