"""Kills at random: copies of a warmed process are shot in the middle of their units."""

import mmap
import os
import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shards.files import Disk
from shards.manifest import INDEX, LEDGER, MANIFEST, SHARDS, read_manifest
from shards.verify import verify
from shards.work import Pipeline, audit, build
from shards.writer import ShardSpec
from tests.factories import Word, png
from tests.shards.disks import WatchedDisk, forked, quick_path, used
from tests.shards.words import Say, digests, pipeline, words

__all__ = ["quick_path"]

PHASES = ("start", "plan", "step", "write", "fsync", "rename", "ledger", "manifest", "finish", "done")
N_BUCKETS = 4


class Board:
    """Memory that a process shares with its copies: how many events there were, and which phase the last began."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    def begin(self, phase: str) -> None:
        n = int.from_bytes(self._memory[:4], "little") + 1
        self._memory[:5] = n.to_bytes(4, "little") + bytes([PHASES.index(phase)])

    def clear(self) -> None:
        self._memory[:5] = bytes(5)

    @property
    def n_events(self) -> int:
        return int.from_bytes(self._memory[:4], "little")

    @property
    def phase(self) -> str:
        return PHASES[self._memory[4]]

    def disk(self) -> Disk:
        """A disk that posts what it is doing."""
        return WatchedDisk(lambda when, path: self.begin(phase_of(when, path)))


def phase_of(when: str, path: Path) -> str:
    """The phase of a build that a call of the disk belongs to."""
    parts = path.parts
    if SHARDS in parts:
        return {"sync": "fsync", "rename": "rename"}.get(when.partition(" ")[2], "write")
    if LEDGER in parts or INDEX in parts:
        return "ledger"
    if path.name == MANIFEST:
        return "manifest"
    return "plan"


def n_finished(folder: Path) -> int:
    """Buckets in the manifest; none if there is none yet."""
    return len(read_manifest(folder)) if (folder / MANIFEST).exists() else 0


class Posting(msgspec.Struct, frozen=True):
    """`Say`, posting each call."""

    post: Any
    name: str = "say"
    version: int = 1

    def __call__(self, record: Word) -> Any:
        self.post("step")
        return Say()(record)


class Range:
    """Copies of this process build in a folder and are shot there; it counts what they were doing."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self.folder, self.random, self.board = folder, random.Random(seed), Board()
        self.hits: Counter[str] = Counter()
        self.n_unfinished = 0
        picture = folder / "a.png"
        picture.write_bytes(png(64, 64))
        self._records = [*words(300, w1="drop", w2="fail"), Word("p", "file:", (str(picture),))]
        build(self.pipeline(), folder / "whole")
        self.expected = digests(folder / "whole")
        self.board.clear()
        os.waitpid(forked(lambda: self.work(folder / "counted")), 0)
        self.n_events = self.board.n_events

    def pipeline(self) -> Pipeline:
        return pipeline(
            self._records, step=Posting(self.board.begin), n_buckets=N_BUCKETS, spec=ShardSpec(max_samples=20)
        )

    def work(self, folder: Path) -> None:
        with used(self.board.disk()):
            build(self.pipeline(), folder, progress=self._progress)
        self.board.begin("done")

    def _progress(self, n_done: int, n_all: int) -> None:
        self.board.begin("finish" if n_done == n_all else "step")

    def shoot(self, folder: Path) -> None:
        """Start a copy on the folder, wait for a random event of it and a random moment more, and kill it."""
        self.board.clear()
        share_left = 1 - n_finished(folder) / N_BUCKETS
        after = self.random.randrange(int(0.9 * self.n_events * share_left))
        process = forked(lambda: self.work(folder))
        deadline_s = time.monotonic() + 60
        while self.board.n_events < after and self.board.phase != "done":
            assert time.monotonic() < deadline_s, f"the copy hangs in phase {self.board.phase}"
            time.sleep(0.0001)
        time.sleep(self.random.random() / 1000)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        self.hits[self.board.phase] += 1
        self.n_unfinished += n_finished(folder) < N_BUCKETS

    def assert_all_is_well(self, folder: Path) -> None:
        build(self.pipeline(), folder)
        assert digests(folder) == self.expected
        assert audit(folder).faults == []
        assert verify(folder) == []
        assert not list(folder.rglob("*.part"))


def shoot_and_mend(folder: Path, *, n_kills: int, seed: int) -> Range:
    """Kill that many copies, some of them when they go on with what another left, and mend every folder."""
    shooting = Range(folder, seed=seed)
    target = folder / "0"
    for number in range(1, n_kills + 1):
        shooting.shoot(target)
        if n_finished(target) == N_BUCKETS or shooting.random.random() < 0.7 or number == n_kills:
            shooting.assert_all_is_well(target)
            shutil.rmtree(target)
            target = folder / str(number)
    return shooting


def show(capsys: pytest.CaptureFixture[str], *ranges: Range) -> None:
    """Print where the kills hit, whatever pytest captures."""
    hits = sum((shooting.hits for shooting in ranges), Counter[str]())
    histogram = ", ".join(f"{phase} {hits[phase]}" for phase in PHASES)
    with capsys.disabled():
        print(f"\n{hits.total()} kills, {sum(one.n_unfinished for one in ranges)} of unfinished units: {histogram}")  # noqa: T201


def test_random_kills(quick_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shooting = shoot_and_mend(quick_path, n_kills=30, seed=1)
    show(capsys, shooting)
    assert shooting.hits.total() == 30
    assert shooting.n_unfinished >= 20


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_a_thousand_random_kills(quick_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half of them in memory, half on a disk, where most of the time goes into syncing."""
    ranges = [shoot_and_mend(folder, n_kills=500, seed=seed) for seed, folder in enumerate((quick_path, tmp_path))]
    show(capsys, *ranges)
    hits = sum((shooting.hits for shooting in ranges), Counter[str]())
    assert hits.total() == 1000
    assert sum(shooting.n_unfinished for shooting in ranges) >= 900
    assert all(hits[phase] for phase in ("plan", "step", "write", "fsync", "rename", "ledger", "manifest"))
