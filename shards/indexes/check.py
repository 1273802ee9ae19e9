"""Do the indexes of other readers still say what the set is?"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from shards.indexes.croissant import CROISSANT, distribution
from shards.indexes.energon import IDX, META, energon
from shards.indexes.huggingface import front_matter
from shards.indexes.wids import WIDS, wids
from shards.manifest import SHARDS
from shards.reader import ShardSet

_CARD = "README.md"


def stale_files(shard_set: ShardSet) -> list[str]:
    """Offset files of shards that the set no longer has; of a set without shards, every index."""
    folder = Path(shard_set.folder)
    known = {record.name + IDX for record in shard_set.shards}
    found = [f"{SHARDS}/{path.name}" for path in sorted((folder / SHARDS).glob(f"*{IDX}"))]
    whole = [] if known else [WIDS, CROISSANT, *(f"{META}/{path.name}" for path in sorted((folder / META).glob("*")))]
    return [name for name in found if name not in known] + [name for name in whole if (folder / name).exists()]


def index_faults(shard_set: ShardSet) -> Iterator[tuple[str, str]]:
    """(file, problem) for each index that lies in the set's folder and contradicts its manifest or index table.

    An index that is absent is no fault: it is written when a set is finished.
    """
    yield from ((name, "describes a shard that the set does not have") for name in stale_files(shard_set))
    folder = Path(shard_set.folder)
    if (folder / _CARD).exists() and not _read(folder / _CARD).startswith(front_matter(shard_set).encode()):
        yield _CARD, "states other configurations or features than the set has"
    if not shard_set.shards:
        return
    if (folder / WIDS).exists() and _shard_list(_read(folder / WIDS)) != _shard_list(wids(shard_set, name="")):
        yield WIDS, "lists other shards, lengths or sizes than the manifest"
    if (folder / CROISSANT).exists() and not _describes(_read(folder / CROISSANT), shard_set):
        yield CROISSANT, "lists other files or sha256 than the manifest"
    for name, content in energon(shard_set) if (folder / META).exists() else ():
        if not _same(folder / name, content):
            yield name, "does not say what the index of the set says"


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _shard_list(content: bytes) -> object:
    try:
        return msgspec.json.decode(content, type=dict[str, object]).get("shardlist")
    except msgspec.DecodeError:
        return None


def _describes(content: bytes, shard_set: ShardSet) -> bool:
    try:
        stated = msgspec.json.decode(content, type=dict[str, object]).get("distribution")
    except msgspec.DecodeError:
        return False
    return stated == distribution(shard_set.shards)


def _same(path: Path, content: bytes) -> bool:
    """Whether the file holds `content`, or a database of the same rows that another SQLite laid out."""
    try:
        found = path.read_bytes()
    except OSError:
        return False
    if found == content or path.suffix != ".sqlite":
        return found == content
    try:
        return _dump(found) == _dump(content)
    except sqlite3.Error:
        return False


def _dump(content: bytes) -> list[str]:
    database = sqlite3.connect(":memory:")
    try:
        database.deserialize(content)
        return list(database.iterdump())
    finally:
        database.close()
