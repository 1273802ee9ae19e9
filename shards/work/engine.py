"""Engines run units and know nothing else: no recipe, no plan, no manifest. This one is a local process pool."""

import contextlib
import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.connection import Connection

from shards.errors import WorkError
from shards.manifest import ManifestLine
from shards.work.lock import FolderLock
from shards.work.unit import Unit, run_unit


def run_units(units: Sequence[Unit], *, workers: int, lock: FolderLock) -> Generator[ManifestLine, None, None]:
    """The manifest lines of units, each as it is done; close the iterator to stop the others.

    Args:
        units: What to run; whatever a stopped one leaves behind, it removes when it is run again.
        workers: Processes; 1 works in this one.
        lock: Held by every worker as long as it lives.

    Raises:
        WorkError: If a worker died.
    """
    if workers == 1 or len(units) < 2:
        for unit in units:
            yield run_unit(unit)
        return
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])  # workers are copies of a process that has imported all this
    ear, mouth = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(min(workers, len(units)), context, initializer=_begin, initargs=(ear, lock))
    try:
        for future in as_completed(_submit(pool, units)):
            yield future.result()
        pool.shutdown(wait=True)
    except BrokenProcessPool as error:
        remedy = "start the build again: finished buckets are kept"
        raise WorkError("worker pool", expected="workers that live", found=str(error), remedy=remedy) from error
    finally:
        mouth.close()
        pool.shutdown(wait=True, cancel_futures=True)
        ear.close()


def _submit(pool: ProcessPoolExecutor, units: Sequence[Unit]) -> list[Future[ManifestLine]]:
    """Start workers that Ctrl-C does not reach: the terminal sends it to all, and this process is to decide."""
    with _signals_wait():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # workers inherit this
        try:
            return [pool.submit(run_unit, unit) for unit in units]
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Keep SIGINT and SIGTERM for the end of the block: a pool that is interrupted while it starts loses workers."""
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers run in the main thread alone
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in came[:1]:
            signal.raise_signal(late)


_lock: FolderLock | None = None


def _begin(ear: Connection, lock: FolderLock) -> None:
    """In a worker: hold the build's lock, and end with the build, however that ends."""
    global _lock
    _lock = lock
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(ear,), daemon=True).start()


def _end_with(ear: Connection) -> None:
    """End this process at once when the last other end of the pipe is closed."""
    with contextlib.suppress(EOFError, OSError):
        ear.recv_bytes()
    os._exit(1)
