"""Files as memory: whole shards at hand without being copied, their pages read when they are touched."""

import mmap
from io import BufferedRandom, BufferedReader
from pathlib import Path

from shards.errors import ShardError


def map_file(file: BufferedReader | BufferedRandom) -> memoryview:
    """The bytes of an open file; they stay readable after it is closed, until the view is dropped."""
    if file.seek(0, 2) == 0:
        return memoryview(b"")
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    mapped.madvise(mmap.MADV_WILLNEED)
    return memoryview(mapped)


def map_path(path: Path) -> memoryview:
    """The bytes of the file at `path`.

    Raises:
        ShardError: If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return map_file(file)
    except OSError as error:
        raise ShardError(str(path), expected="a readable shard", found=error.strerror or str(error)) from error
