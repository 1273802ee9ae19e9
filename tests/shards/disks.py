"""Disks that are watched, die, fill up or lose power, and processes that are killed while they use one."""

import contextlib
import errno
import io
import os
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from shards import files
from shards.files import Disk

_T = TypeVar("_T")
Tell = Callable[[str, Path], None]
"""Told where a call is: "before write", "amid write" or "after write"; so of the other methods of a disk."""


class WatchedDisk(Disk):
    """The disk, telling of each call; a write is told of three times, the second time with half of its bytes done."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell

    @contextlib.contextmanager
    def _told(self, operation: str, path: Path) -> Iterator[None]:
        self.tell(f"before {operation}", path)
        yield
        self.tell(f"after {operation}", path)

    def open(self, path: Path, mode: Literal["wb+", "ab+"]) -> io.BufferedRandom:
        with self._told("open", path):
            return io.BufferedRandom(_WatchedFile(path, mode, self.tell))

    def write(self, file: io.BufferedRandom, pieces: Sequence[bytes | memoryview]) -> None:
        file.write(b"".join(pieces))
        file.flush()

    def reserve(self, file: io.BufferedRandom, size_bytes: int) -> None:
        with self._told("reserve", Path(file.name)):
            super().reserve(file, size_bytes)

    def sync(self, descriptor: int, path: Path) -> None:
        with self._told("sync", path):
            super().sync(descriptor, path)

    def rename(self, old: Path, new: Path) -> None:
        with self._told("rename", new):
            super().rename(old, new)

    def cut(self, file: io.BufferedRandom, size_bytes: int, path: Path) -> None:
        with self._told("cut", path):
            super().cut(file, size_bytes, path)

    def remove(self, path: Path) -> None:
        with self._told("remove", path):
            super().remove(path)


class _WatchedFile(io.FileIO):
    def __init__(self, path: Path, mode: str, tell: Tell) -> None:
        super().__init__(path, mode)
        self._path, self._tell = path, tell

    def write(self, content: Any, /) -> int:
        view = memoryview(content).cast("B")
        self._tell("before write", self._path)
        super().write(view[: len(view) // 2])
        self._tell("amid write", self._path)
        super().write(view[len(view) // 2 :])
        self._tell("after write", self._path)
        return len(view)


class ForgetfulDisk(Disk):
    """A disk whose power can be cut: what was not synced before is gone then.

    Args:
        keeps_names: Whether the cut spares renames whose folder was not synced yet; both happen.
    """

    def __init__(self, *, keeps_names: bool) -> None:
        self.keeps_names = keeps_names
        self.n_calls, self.cut_at = 0, -1
        self._durable_bytes: dict[Path, int] = {}
        self._renames: list[tuple[Path, Path, bytes | None]] = []

    def open(self, path: Path, mode: Literal["wb+", "ab+"]) -> io.BufferedRandom:
        self._durable_bytes[path] = path.stat().st_size if mode == "ab+" else 0
        return self._then(super().open(path, mode))

    def sync(self, descriptor: int, path: Path) -> None:
        if path.is_dir():
            self._renames = [entry for entry in self._renames if entry[1].parent != path]
        else:
            self._durable_bytes[path] = path.stat().st_size
        self._then(None)

    def rename(self, old: Path, new: Path) -> None:
        self._renames.append((old, new, new.read_bytes() if new.exists() else None))
        super().rename(old, new)
        if old in self._durable_bytes:
            self._durable_bytes[new] = self._durable_bytes.pop(old)
        self._then(None)

    def _then(self, result: _T) -> _T:
        self.n_calls += 1
        if self.n_calls == self.cut_at:
            self._lose_power()
        return result

    def _lose_power(self) -> None:
        for path, size_bytes in self._durable_bytes.items():
            if path.exists():
                os.truncate(path, min(size_bytes, path.stat().st_size))
        for old, new, before in [] if self.keeps_names else reversed(self._renames):
            new.replace(old)
            if before is not None:
                new.write_bytes(before)
        os.kill(os.getpid(), signal.SIGKILL)


class FullDisk(WatchedDisk):
    """A disk with room for `n_writes` writes; the next one is cut off in its middle, and all after it fail."""

    def __init__(self, n_writes: int) -> None:
        super().__init__(self._count)
        self.n_left = n_writes

    def _count(self, when: str, path: Path) -> None:
        self.n_left -= when == "before write"
        if self.n_left < 0 and when == "amid write":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextlib.contextmanager
def used(disk: Disk) -> Iterator[None]:
    """Let the package work on this disk for the length of the block."""
    before, files.disk = files.disk, disk
    try:
        yield
    finally:
        files.disk = before


def calls_of(work: Callable[[], object]) -> list[tuple[str, Path]]:
    """All calls that `work` makes of the disk."""
    calls: list[tuple[str, Path]] = []
    with used(WatchedDisk(lambda when, path: calls.append((when, path)))):
        work()
    return calls


def forked(work: Callable[[], object]) -> int:
    """Run `work` in a copy of this process; its process id. It exits with 0, or with 1 on an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # later Pythons warn of threads, which this copy forgets
        process = os.fork()
    if process == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return process


def killed_at(disk_with: Disk, work: Callable[[], object]) -> bool:
    """Run `work` in a copy of this process on a disk that may kill it; whether it did."""

    def on_it() -> None:
        with used(disk_with):
            work()

    _, status = os.waitpid(forked(on_it), 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    assert status == 0, f"the copy ended with status {status}"
    return False


def deadly(call: int) -> WatchedDisk:
    """A disk that kills its process at the call of this number, counted from 0 as in `calls_of`."""
    left = call

    def tell(when: str, path: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return WatchedDisk(tell)


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one, since these tests sync thousands of times."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="anymodal-test-") as name:
        yield Path(name)
