"""A disk that does not hold what was written is found before a shard gets its name."""

import errno
import hashlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from shards import files, write_behind
from shards.errors import ShardError
from shards.files import Disk
from shards.write_behind import WriteBehind
from tests.shards.disks import used

CHUNKS = [[os.urandom(512 * n), bytes(512)] for n in (3, 5000, 1, 2048)] + [[os.urandom(512) for _ in range(1100)]]
WHOLE = b"".join(piece for chunk in CHUNKS for piece in chunk)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that there are several, and one of the pieces is too large for any."""
    monkeypatch.setattr(write_behind, "_BATCH_BYTES", 2**20)


class Spoilt(Disk):
    """A disk on which byte `lost` of a file does not arrive, or all from it on."""

    def __init__(self, lost: int, *, cuts: bool = False) -> None:
        self._lost, self._cuts, self._offset = lost, cuts, 0

    def write(self, file: io.BufferedRandom, pieces: Sequence[bytes | memoryview]) -> None:
        content = bytearray(b"".join(pieces))
        start = self._offset
        self._offset += len(content)
        if start <= self._lost < self._offset:
            content[self._lost - start] ^= 1
            content = content[: self._lost - start] if self._cuts else content
        super().write(file, [bytes(content)])


class Full(Disk):
    """A disk without room."""

    def write(self, file: io.BufferedRandom, pieces: Sequence[bytes | memoryview]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def write_all(file: io.BufferedRandom | io.BytesIO, disk: Disk | None = None) -> str:
    writer = WriteBehind(file, "x.tar")
    try:
        with used(disk or files.disk):
            for chunk in CHUNKS:
                writer.write(*chunk)
            return writer.finish()
    finally:
        writer.close()


def test_the_file_holds_all_chunks_and_the_hash_is_its(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb+") as file:
        assert write_all(file) == hashlib.sha256(WHOLE).hexdigest()
    assert (tmp_path / "x").read_bytes() == WHOLE
    buffer = io.BytesIO()
    assert write_all(buffer) == hashlib.sha256(WHOLE).hexdigest()
    assert buffer.getvalue() == WHOLE


@pytest.mark.parametrize("lost", [0, 600, 2**20 + 512 * 3 + 7, len(WHOLE) - 1])
@pytest.mark.parametrize("cuts", [False, True])
def test_one_byte_that_did_not_arrive_is_found_with_its_place(tmp_path: Path, lost: int, cuts: bool) -> None:
    told = r"x\.tar, byte \d+: expected the \d+ bytes that were written"
    with (tmp_path / "x").open("wb+") as file, pytest.raises(ShardError, match=told):
        write_all(file, Spoilt(lost, cuts=cuts))


def test_an_error_of_the_disk_reaches_the_caller(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb+") as file, pytest.raises(OSError, match="No space"):
        write_all(file, Full())


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EOPNOTSUPP, None])
def test_space_that_cannot_be_reserved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int | None) -> None:
    """All but full, or a file system or an operating system that cannot: what fits is written all the same."""

    def refuse(descriptor: int, offset: int, size_bytes: int) -> None:
        raise OSError(reason, os.strerror(reason or 0))

    if reason is None:
        monkeypatch.delattr(os, "posix_fallocate")
    else:
        monkeypatch.setattr(os, "posix_fallocate", refuse)
    with (tmp_path / "x").open("wb+") as file:
        assert write_all(file) == hashlib.sha256(WHOLE).hexdigest()
    assert (tmp_path / "x").read_bytes() == WHOLE


def test_a_disk_that_is_nearly_full_is_not_filled_by_reserving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many open shards, each with its reserve, would take what one of them needs."""
    free = SimpleNamespace(f_bavail=2**20, f_frsize=4096)  # 4 GiB
    monkeypatch.setattr(os, "fstatvfs", lambda descriptor: free)
    asked: list[int] = []
    monkeypatch.setattr(os, "posix_fallocate", lambda descriptor, offset, size_bytes: asked.append(size_bytes))
    for n_blocks, is_asked in ((2**20, False), (2**20 + 1, True)):
        free.f_bavail = n_blocks
        with (tmp_path / str(n_blocks)).open("wb+") as file:
            write_all(file)
        assert bool(asked) == is_asked


def test_a_write_that_was_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk that is all but full, or of a file beyond 2 GiB."""
    whole = os.writev
    monkeypatch.setattr(os, "writev", lambda descriptor, pieces: whole(descriptor, [b"".join(pieces)[:700]]))
    with (tmp_path / "x").open("wb+") as file:
        assert write_all(file) == hashlib.sha256(WHOLE).hexdigest()
    assert (tmp_path / "x").read_bytes() == WHOLE
