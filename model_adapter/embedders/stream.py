"""Many media through an embedder: decoded by threads while the network runs, in order, with a cache if wanted."""

import hashlib
import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from model_adapter.embedders.embedder import Array, Embedder, Input
from shards.draft import Blob
from shards.errors import MediaError
from shards.files import make_folder, write_atomic

Thing = TypeVar("Thing")
_GROUPS_AHEAD = 2


class Embedded(NamedTuple):
    """A medium's hash ("" where it could not be read) and its rows of features [windows, d], or why there are none."""

    sha256: str
    rows: Array | MediaError


class _Prepared(NamedTuple):
    sha256: str
    windows: Array | None
    done: Array | MediaError | None


def embed_all(
    embedder: Embedder,
    kind: Input,
    blobs: Iterable[Blob],
    *,
    cache: Path | None = None,
    threads: int = 4,
    group: int = 16,
) -> Iterator[Embedded]:
    """Each medium's features, in order; at most three groups of prepared media are in memory.

    Args:
        embedder: What makes the features.
        kind: Of the media.
        blobs: Where their bytes are.
        cache: Folder in which features are kept by hash of the medium and the embedder's identity.
        threads: That read and decode.
        group: Media that the network sees at once.
    """
    folder = None if cache is None else cache / embedder.identity[:32] / kind
    if folder is not None:
        make_folder(folder)
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[list[Future[_Prepared]]] = deque()
        source = iter(blobs)
        while True:
            while len(waiting) < _GROUPS_AHEAD and (chosen := list(islice(source, group))):
                waiting.append([pool.submit(_prepare, embedder, kind, blob, folder) for blob in chosen])
            if not waiting:
                return
            yield from _run(embedder, kind, [one.result() for one in waiting.popleft()], folder)


def _prepare(embedder: Embedder, kind: Input, blob: Blob, folder: Path | None) -> _Prepared:
    sha256 = ""
    try:
        content = blob.read()
        sha256 = hashlib.sha256(content).hexdigest()
        kept = None if folder is None else _kept(folder / f"{sha256}.npy")
        return _Prepared(sha256, None if kept is not None else embedder.prepare[kind](content), kept)
    except MediaError as error:
        return _Prepared(sha256, None, error)


def _run(embedder: Embedder, kind: Input, group: list[_Prepared], folder: Path | None) -> Iterator[Embedded]:
    """Windows of equal shape through the network together, then each medium's rows in the group's order."""
    fresh = {number: one.windows for number, one in enumerate(group) if one.windows is not None}
    made: dict[int, Array] = {}
    for shape in {windows.shape[1:] for windows in fresh.values()}:
        numbers = [number for number, windows in fresh.items() if windows.shape[1:] == shape]
        features = embedder.run(kind, np.concatenate([fresh[number] for number in numbers]))
        ends = np.cumsum([len(fresh[number]) for number in numbers])[:-1]
        made.update(zip(numbers, np.split(features, ends), strict=True))
    for number, one in enumerate(group):
        if one.done is not None:
            yield Embedded(one.sha256, one.done)
            continue
        rows = embedder.rows(kind, made[number])
        if folder is not None:
            np.save(file := io.BytesIO(), rows, allow_pickle=False)
            content = file.getvalue()
            write_atomic(folder / f"{one.sha256}.npy", content + hashlib.sha256(content).digest())
        yield Embedded(one.sha256, rows)


def _kept(path: Path) -> Array | None:
    """Features in the cache; None where they are absent or not as they were written, so that they are made again."""
    content = path.read_bytes() if path.is_file() else b""
    is_whole = hashlib.sha256(content[:-32]).digest() == content[-32:]
    return np.load(io.BytesIO(content), allow_pickle=False) if is_whole else None
