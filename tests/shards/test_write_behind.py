"""A disk that does not hold what was written is found before a shard gets its name."""

import errno
import hashlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from shards.errors import ShardError
from shards.write_behind import WriteBehind

CHUNKS = [[os.urandom(512 * n), bytes(512)] for n in (3, 5000, 1, 2048)]
WHOLE = b"".join(piece for chunk in CHUNKS for piece in chunk)


class Spoilt:
    """A file whose byte `lost` does not arrive, or all from it on."""

    def __init__(self, file: Any, lost: int, *, cuts: bool = False) -> None:
        self._file, self._lost, self._cuts, self._offset = file, lost, cuts, 0

    def write(self, chunk: bytes) -> None:
        start = self._offset
        self._offset += len(chunk)
        content = bytearray(chunk)
        if start <= self._lost < self._offset:
            content[self._lost - start] ^= 1
            content = content[: self._lost - start] if self._cuts else content
        self._file.write(content)

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        number: int = self._file.fileno()
        return number


def write_all(file: Any, chunks: Sequence[Sequence[bytes]] = CHUNKS) -> str:
    writer = WriteBehind(file, "x.tar")
    try:
        for chunk in chunks:
            writer.write(chunk)
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
        write_all(Spoilt(file, lost, cuts=cuts))


class Full(Spoilt):
    """A file on a disk that is full."""

    def write(self, chunk: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_an_error_of_the_disk_reaches_the_caller(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb+") as file, pytest.raises(OSError, match="No space"):
        write_all(Full(file, 0))
