"""One build at a time in a folder: a lock that the system drops when its last holder is dead."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Protocol

from shards.errors import UsageError, WorkError, told_as
from shards.files import make_folder

LOCK = ".work/lock"
_POLL_S = 0.02


class _Shared(Protocol):
    def detach(self) -> int: ...


class FolderLock:
    """An open file with a lock on it. A worker that receives one holds the same lock, not one of its own.

    So a killed build's folder stays locked until its last worker, too, is gone: no orphan writes beside a new build.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __reduce__(self) -> tuple[object, ...]:
        return _received, (DupFd(self.descriptor),)


def _received(shared: _Shared) -> FolderLock:
    return FolderLock(shared.detach())


@contextlib.contextmanager
def locked(folder: Path, *, patience_s: float = 10.0) -> Iterator[FolderLock]:
    """Hold the folder's lock for the length of the block.

    Args:
        folder: The set's folder; made if absent.
        patience_s: How long the end of a killed build's workers is awaited; a living build is refused at once.

    Raises:
        WorkError: If another process works on the folder.
        UsageError: If its name is not in UTF-8, in which all that is written about it would be.
    """
    with told_as(UnicodeEncodeError, UsageError, ascii(str(folder)), expected="a folder with a name in UTF-8"):
        str(folder.absolute()).encode()
    make_folder((folder / LOCK).parent)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(descriptor, folder, patience_s)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield FolderLock(descriptor)
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, folder: Path, patience_s: float) -> None:
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace")
            if _lives(owner) or time.monotonic() > deadline_s:
                found = f"one is at work (process {owner})"
                remedy = "wait for it, or build into another folder"
                raise WorkError(str(folder), expected="no other build", found=found, remedy=remedy) from error
            time.sleep(_POLL_S)
        else:
            return


def _lives(process: str) -> bool:
    """Whether there is a process of this number; yes where the number is not known yet."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return not _is_zombie(process)


def _is_zombie(process: str) -> bool:
    """Whether the process is dead and only its parent has not asked for it yet (Linux; elsewhere no)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False
