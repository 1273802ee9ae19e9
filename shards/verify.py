"""Is a set what its manifest says, byte for byte? Finds what readers hide."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from shards.archive_faults import Fault, Found, archive_faults
from shards.errors import ShardError
from shards.indexes import index_faults
from shards.indexes.energon import IDX
from shards.manifest import INDEX, LEDGER, MANIFEST, SHARDS, IndexRow, ManifestLine, ShardRecord, bucket_stem
from shards.mapped import map_path
from shards.reader import ShardSet
from shards.tombstones import read_tombstones

__all__ = ["Fault", "verify", "verify_archive"]

Progress = Callable[[int, int], None]


def verify(folder: Path, *, progress: Progress | None = None) -> list[Fault]:
    """Read every byte of a set and list what is wrong with it; an empty list says that all is well.

    Args:
        folder: The set.
        progress: Told the number of shards read and of all shards.

    Raises:
        ShardError: If the folder has no readable manifest, so that there is nothing to compare with.
    """
    shard_set = ShardSet(folder)
    faults = list(_file_faults(shard_set))
    index = _readable_index(shard_set, faults)
    seen: Counter[str] = Counter()
    for number, record in enumerate(shard_set.shards, 1):
        found = Found()
        faults.extend(_shard_faults(folder, record, found))
        if index is not None:
            faults.extend(_row_faults(index, record, found))
        seen.update(found.keys)
        if progress is not None:
            progress(number, len(shard_set.shards))
    faults.extend(Fault(key, f"stands {count} times in the set") for key, count in seen.items() if count > 1)
    faults.extend(Fault(key, "was taken down and is in the set") for key in read_tombstones(folder) if seen[key])
    if index is not None:
        faults.extend(_stray_rows(index, shard_set))
    if index is not None and seen.total() == len(seen):  # the others' indexes are made from this one
        faults.extend(Fault(name, problem) for name, problem in index_faults(shard_set))
    return faults


def verify_archive(path: Path) -> list[Fault]:
    """List what is wrong with one tar that need not be ours: damage, and whatever readers disagree about.

    Raises:
        ShardError: If the file cannot be read.
    """
    return list(archive_faults(map_path(path), str(path), Found(), is_ours=False))


def _readable_index(shard_set: ShardSet, faults: list[Fault]) -> pa.Table | None:
    """The index, if others can be made from it; otherwise what is wrong with it goes to `faults`."""
    try:
        index = shard_set.index
    except ShardError as error:
        faults.append(Fault(error.place, f"expected {error.expected}, found {error.found}"))
        return None
    columns = [*index.columns, *pc.list_flatten(index["members"]).flatten()]
    n_empty = sum(column.null_count for column in columns) + pc.list_value_length(index["members"]).to_pylist().count(0)
    n_repeated = len(index) - len(index["key"].unique())
    if n_empty or n_repeated:
        faults.append(Fault(INDEX, f"has {n_empty} empty fields and {n_repeated} repeated keys"))
    return None if n_empty or n_repeated else index


def _file_faults(shard_set: ShardSet) -> Iterator[Fault]:
    """Indexes and ledgers that are not what the manifest hashed, counts that differ, and files it does not know."""
    folder = shard_set.folder
    known = {record.name for record in shard_set.shards}
    for line in shard_set.lines:
        n_samples = sum(record.n_samples for record in line.shards)
        if line.n_written != n_samples:
            yield Fault(MANIFEST, f"counts {line.n_written} samples in bucket {line.bucket}, {n_samples} in its shards")
        for name, stated in _hashed_files(line):
            known.add(name)
            found = _sha256(folder / name)
            if found != stated:
                yield Fault(name, f"sha256 is {found}, the manifest says {stated}")
    for path in sorted(path for part in (SHARDS, INDEX, LEDGER) for path in (folder / part).glob("*")):
        name = f"{path.parent.name}/{path.name}"
        if name not in known and path.suffix != IDX:  # `index_faults` looks after those
            yield Fault(name, "is not in the manifest")


def _hashed_files(line: ManifestLine) -> tuple[tuple[str, str], tuple[str, str]]:
    file_name = f"{bucket_stem(line.bucket)}.parquet"
    return (f"{LEDGER}/{file_name}", line.ledger_sha256), (f"{INDEX}/{file_name}", line.index_sha256)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable ({error.strerror})"


def _shard_faults(folder: Path, record: ShardRecord, found: Found) -> Iterator[Fault]:
    try:
        content = map_path(folder / record.name)
    except ShardError as error:
        yield Fault(record.name, f"cannot be read: {error.found}")
        return
    if len(content) != record.size_bytes:
        yield Fault(record.name, f"has {len(content)} bytes, the manifest says {record.size_bytes}")
    elif hashlib.sha256(content).hexdigest() != record.sha256:
        yield Fault(record.name, "does not have the sha256 of the manifest")
    yield from archive_faults(content, record.name, found, is_ours=True)
    if len(found.keys) != record.n_samples:
        yield Fault(record.name, f"holds {len(found.keys)} samples, the manifest says {record.n_samples}")
    signatures = Counter(row.signature for row in found.rows.values())
    if signatures != record.signatures:
        yield Fault(record.name, f"holds {dict(signatures)} by media, the manifest says {dict(record.signatures)}")


def _row_faults(index: pa.Table, record: ShardRecord, found: Found) -> Iterator[Fault]:
    """Index rows of a shard that are not what its samples ask for."""
    rows = {row["key"]: row for row in index.filter(pc.equal(index["shard"], record.name)).to_pylist()}
    for key in sorted(found.rows.keys() - rows.keys()):
        yield Fault(f"{record.name}, sample {key}", "has no row in the index")
    for key in sorted(rows.keys() - set(found.keys)):
        yield Fault(f"{record.name}, sample {key}", "has a row in the index and is not in the shard")
    for key in sorted(rows.keys() & found.rows.keys()):
        stated, seen = msgspec.convert(rows[key], IndexRow), found.rows[key]
        differing = [name for name in IndexRow.__struct_fields__ if getattr(stated, name) != getattr(seen, name)]
        if differing:
            yield Fault(f"{record.name}, sample {key}", f"its index row differs in {', '.join(differing)}")


def _stray_rows(index: pa.Table, shard_set: ShardSet) -> Iterator[Fault]:
    known = {record.name for record in shard_set.shards}
    for name in sorted(set(pc.unique(index["shard"]).to_pylist()) - known):
        yield Fault(name, "has rows in the index and is not in the manifest")
