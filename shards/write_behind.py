"""A file that is written, read back and hashed behind the thread that fills it."""

import hashlib
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import BufferedRandom, BytesIO

import numpy as np

from shards.errors import ShardError

_STEP_BYTES = 2**20
_WORD_BYTES = 8
_MAX_WAITING = 4


class WriteBehind:
    """Writes chunks in a thread of its own, compares what the file then holds with them, and hashes it.

    Writing, reading and hashing let go of the interpreter's lock, so that they cost the caller little where there is
    a second core. The system is asked to carry each chunk to the disk, so that the sync at the end finds little to do.
    Chunks that wait are few, so memory stays flat.
    """

    def __init__(self, file: BufferedRandom | BytesIO, name: str) -> None:
        self._file, self._name = file, name
        self._hash = hashlib.sha256()
        self._buffer = np.empty(_STEP_BYTES // _WORD_BYTES, dtype=np.uint64)
        self._offset = 0
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def write(self, pieces: Sequence[bytes]) -> None:
        """Take the next chunk, whole blocks of 512 bytes; what is wrong with an earlier one is raised here or later.

        Raises:
            OSError: If the disk is full or broken.
            ShardError: If the file does not hold what was written.
        """
        if isinstance(self._file, BytesIO):
            chunk = b"".join(pieces)
            self._file.write(chunk)
            self._hash.update(chunk)
            return
        self._waiting.append(self._thread.submit(self._write, self._file, pieces))
        while len(self._waiting) > _MAX_WAITING:
            self._waiting.popleft().result()

    def finish(self) -> str:
        """Wait for all chunks; the sha256 of the file. Raises what `write` raises."""
        while self._waiting:
            self._waiting.popleft().result()
        return self._hash.hexdigest()

    def close(self) -> None:
        """End the thread; chunks that wait are forgotten."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _write(self, file: BufferedRandom, pieces: Sequence[bytes]) -> None:
        chunk = b"".join(pieces)
        file.write(chunk)
        file.flush()
        written = np.frombuffer(chunk, dtype=np.uint64)
        for start in range(0, len(written), len(self._buffer)):
            expected = written[start : start + len(self._buffer)]
            found = self._buffer[: len(expected)]
            n_read = os.preadv(file.fileno(), [found.data], self._offset + start * _WORD_BYTES)
            if n_read != expected.nbytes or not np.array_equal(found, expected):
                place = f"{self._name}, byte {self._offset + start * _WORD_BYTES}"
                raise ShardError(place, expected=f"the {expected.nbytes} bytes that were written", found="others")
            self._hash.update(found.data)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), self._offset, len(chunk), os.POSIX_FADV_DONTNEED)
        self._offset += len(chunk)
