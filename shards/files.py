"""Files written whole or not at all, through one object that tests can cut off at any call."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from io import BufferedRandom
from pathlib import Path
from typing import Literal

_PLENTY_BYTES = 4 * 2**30
_MAX_PIECES = 1024
"""What the system takes in one call (IOV_MAX of Linux and macOS)."""


class Disk:
    """All that this package does to a disk. Tests put another into `files.disk` that dies, fills up or forgets."""

    def open(self, path: Path, mode: Literal["wb+", "ab+"]) -> BufferedRandom:
        """A file for writing; bytes reach the disk in the calls of its raw file's `write`, or in `write` below."""
        return path.open(mode)

    def write(self, file: BufferedRandom, pieces: Sequence[bytes | memoryview]) -> None:
        """Add pieces to what was written to a file by this alone, without gathering them first."""
        for start in range(0, len(pieces), _MAX_PIECES):
            some = pieces[start : start + _MAX_PIECES]
            n_written = os.writev(file.fileno(), some)
            if n_written < sum(map(len, some)):  # the disk is all but full, or the system takes no more at once
                file.write(b"".join(some)[n_written:])
                file.flush()

    def reserve(self, file: BufferedRandom, size_bytes: int) -> None:
        """Let a file be at least this long, so that writing into it is cheaper, if the disk has plenty of room."""
        room = os.fstatvfs(file.fileno())
        if hasattr(os, "posix_fallocate") and room.f_bavail * room.f_frsize > _PLENTY_BYTES:
            with contextlib.suppress(OSError):  # not every system can
                os.posix_fallocate(file.fileno(), 0, size_bytes)

    def sync(self, descriptor: int, path: Path) -> None:
        """Make the content of a file, or the names in a folder, survive a power cut."""
        os.fsync(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        """Put a file under another name, in place of what had it."""
        old.replace(new)

    def cut(self, file: BufferedRandom, size_bytes: int, path: Path) -> None:
        """Keep the first `size_bytes` of an open file."""
        file.truncate(size_bytes)

    def remove(self, path: Path) -> None:
        """Remove a file; nothing happens if there is none."""
        path.unlink(missing_ok=True)


disk = Disk()


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[BufferedRandom]:
    """A file for writing that appears under `path` only if the block ends well; durable once it has.

    The temporary file `.NAME.part` lies in the same folder; one that a killed process left is overwritten.

    Raises:
        OSError: If the disk is full or broken; it names `path`.
    """
    part = part_name(path)
    try:
        with _named(path), disk.open(part, "wb+") as file:
            yield file
            file.flush()
            disk.sync(file.fileno(), part)
        disk.rename(part, path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def part_name(path: Path) -> Path:
    """Where `atomic` writes what will be `path`."""
    return path.with_name(f".{path.name}.part")


def write_atomic(path: Path, content: bytes) -> None:
    """Put `content` under `path`, durably, or leave what was there."""
    with atomic(path) as file:
        file.write(content)


def append_durably(path: Path, line: bytes) -> None:
    """Add a line; a torn last line, which a killed process left, makes room for it.

    Args:
        path: The file; made if absent.
        line: With its line end.
    """
    with _named(path), disk.open(path, "ab+") as file:
        size_bytes = file.seek(0, os.SEEK_END)
        whole_bytes = _whole_lines(file, size_bytes)
        if whole_bytes != size_bytes:
            disk.cut(file, whole_bytes, path)
        file.write(line)
        file.flush()
        disk.sync(file.fileno(), path)


def _whole_lines(file: BufferedRandom, size_bytes: int) -> int:
    """How many of the file's bytes are complete lines."""
    if size_bytes == 0:
        return 0
    file.seek(size_bytes - 1)
    if file.read(1) == b"\n":
        return size_bytes
    file.seek(0)
    return file.read().rfind(b"\n") + 1


def make_folder(folder: Path) -> None:
    """Make a folder that survives a power cut, and those above it; nothing happens if it is there."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        disk.sync(descriptor, folder)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Writing errors say which file they struck; the system leaves that out."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
