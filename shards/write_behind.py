"""A file that is written, read back and hashed behind the thread that fills it."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import BufferedRandom, BytesIO
from itertools import accumulate
from pathlib import Path

from shards import files
from shards.errors import ShardError

_BATCH_BYTES = 2**21
_MAX_WAITING = 2
_RESERVE_BYTES = 2**24


class WriteBehind:
    """Writes batches in a thread of its own, compares what the file then holds with them, and hashes it.

    Writing, reading and hashing let go of the interpreter's lock, so that they cost the caller little where there is
    a second core. Whenever the thread wants the lock back it disturbs the caller, so batches are large, but a core's
    cache holds one. A caller who sees the thread idle leaves it some hashing, so that both end together. Nothing is
    copied but by the reading. The system is asked to carry each batch to the disk, so that the sync at the end finds
    little to do, and to forget what it has carried: memory that was just used is the quickest to write to, and a build
    does not push out what others keep there. Space on the disk is reserved for many batches at once, and the file cut
    to its length at the end. Batches that wait are few, so memory stays flat.
    """

    def __init__(self, file: BufferedRandom | BytesIO, name: str) -> None:
        self._file, self._name = file, name
        self._hash = hashlib.sha256()
        self._pieces: list[bytes | memoryview] = []
        self._checks: list[Callable[[], None]] = []
        self._n_gathered = self._n_handed_over = self._n_written = 0
        self._offset = self._reserved = 0
        self._found = bytearray()
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether the thread has nothing to do."""
        return self._n_handed_over == self._n_written > 0

    def leave(self, check: Callable[[], None]) -> None:
        """Let the thread call `check` before it writes the current batch; what it raises, `write` or `finish` raise."""
        self._checks.append(check)

    def write(self, *pieces: bytes | memoryview) -> None:
        """Take what comes next; what is wrong with something earlier is raised here or later.

        Raises:
            OSError: If the disk is full or broken.
            ShardError: If the file does not hold what was written.
        """
        n_bytes = sum(map(len, pieces))
        if n_bytes > 2 * _BATCH_BYTES:  # a film, which the reading back need not hold a second time
            for piece in pieces:
                for start in range(0, len(piece), _BATCH_BYTES):
                    self.write(memoryview(piece)[start : start + _BATCH_BYTES])
            return
        self._pieces += pieces
        self._n_gathered += n_bytes
        if self._n_gathered >= _BATCH_BYTES:
            self._hand_over()

    def finish(self) -> str:
        """Wait for all batches; the sha256 of the file. Raises what `write` raises."""
        self._hand_over()
        while self._waiting:
            self._waiting.popleft().result()
        if self._reserved > self._offset and isinstance(self._file, BufferedRandom):
            files.disk.cut(self._file, self._offset, Path(self._name))
        return self._hash.hexdigest()

    def close(self) -> None:
        """End the thread, and let go of its memory; batches that wait are forgotten."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._found = bytearray()

    def _hand_over(self) -> None:
        pieces, self._pieces, self._n_gathered = self._pieces, [], 0
        checks, self._checks = self._checks, []
        if isinstance(self._file, BytesIO):
            self._file.writelines(pieces)
            self._hash.update(b"".join(pieces))
            return
        self._n_handed_over += 1
        self._waiting.append(self._thread.submit(self._write, self._file, pieces, checks))
        while len(self._waiting) > _MAX_WAITING:
            self._waiting.popleft().result()

    def _write(
        self, file: BufferedRandom, pieces: Sequence[bytes | memoryview], checks: Sequence[Callable[[], None]]
    ) -> None:
        for check in checks:
            check()
        starts = list(accumulate(map(len, pieces), initial=0))
        n_bytes = starts[-1]
        if self._n_written and self._offset + n_bytes > self._reserved:  # small files are left alone
            self._reserved = self._offset + _RESERVE_BYTES
            files.disk.reserve(file, self._reserved)
        files.disk.write(file, pieces)
        if n_bytes > len(self._found):
            self._found = bytearray(n_bytes)
        found = memoryview(self._found)[:n_bytes]
        n_read = os.preadv(file.fileno(), [found], self._offset)
        if n_read != n_bytes or not all(map(self._found.startswith, pieces, starts)):
            place = f"{self._name}, byte {self._offset}"
            raise ShardError(place, expected=f"the {n_bytes} bytes that were written", found="others")
        self._hash.update(found)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self._offset += n_bytes
        self._n_written += 1
