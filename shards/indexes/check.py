"""Do the indexes of other readers still say what the set is?"""

import contextlib
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
    if (folder / _CARD).exists() and not (folder / _CARD).read_bytes().startswith(front_matter(shard_set).encode()):
        yield _CARD, "states other configurations or features than the set has"
    if not shard_set.shards:
        return
    shards = _field(wids(shard_set, name=""), "shardlist")
    if (folder / WIDS).exists() and _field((folder / WIDS).read_bytes(), "shardlist") != shards:
        yield WIDS, "lists other shards, lengths or sizes than the manifest"
    files = distribution(shard_set.shards)
    if (folder / CROISSANT).exists() and _field((folder / CROISSANT).read_bytes(), "distribution") != files:
        yield CROISSANT, "lists other files or sha256 than the manifest"
    for name, content in energon(shard_set) if (folder / META).exists() else ():
        if not _same(folder / name, content):
            yield name, "does not say what the index of the set says"


def _field(content: bytes, name: str) -> object:
    """A field of a JSON document; None if there is none."""
    try:
        return msgspec.json.decode(content, type=dict[str, object]).get(name)
    except msgspec.DecodeError:
        return None


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
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(content)
        return list(database.iterdump())
