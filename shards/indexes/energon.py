"""Megatron-Energon: `.nv-meta/` and an offset file beside each shard, as `energon prepare` would make them.

The set loads as crude samples: a dictionary of bytes by field, which a task encoder cooks.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shards import tar
from shards.order import Numbers
from shards.reader import ShardSet

META: Final = ".nv-meta"
IDX: Final = ".idx"

_TABLES = """
CREATE TABLE samples (tar_file_id INTEGER NOT NULL, sample_key TEXT NOT NULL UNIQUE, sample_index INTEGER NOT NULL,
    byte_offset INTEGER, byte_size INTEGER);
CREATE TABLE sample_parts (tar_file_id INTEGER, sample_index INTEGER, part_name TEXT, content_byte_offset INTEGER,
    content_byte_size INTEGER);
"""
_INDEXES = """
CREATE INDEX idx_samples_by_tar_and_idx ON samples(tar_file_id, sample_index);
CREATE INDEX idx_sample_parts_seq ON sample_parts(tar_file_id, sample_index, content_byte_offset);
CREATE INDEX idx_sample_parts_full ON sample_parts(tar_file_id, sample_index, part_name, content_byte_offset,
    content_byte_size);
"""
_ROWS_A_CALL = 50
_SQLITE_VERSION = slice(96, 100)
"""Where a database names the library that wrote it last; cleared, so that equal sets have equal files."""


def energon(shard_set: ShardSet) -> Iterator[tuple[str, bytes]]:
    """The files of the index, by name below the set's folder."""
    names = [record.name for record in shard_set.shards]
    yield f"{META}/dataset.yaml", _yaml({"__module__": "megatron.energon", "__class__": "CrudeWebdataset"})
    yield f"{META}/split.yaml", _yaml({"split_parts": {"train": names, "val": [], "test": []}, "exclude": []})
    counts = {record.name: record.n_samples for record in shard_set.shards}
    yield f"{META}/.info.yaml", _yaml({"shard_counts": counts})
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.executescript(_TABLES)
        for number, record in enumerate(shard_set.shards):
            rows = shard_set.index.filter(pc.equal(shard_set.index["shard"], record.name))
            starts = _insert(database, number, rows, end=record.size_bytes - len(tar.END))
            yield record.name + IDX, starts.astype("<u8").tobytes()
        database.executescript(_INDEXES)
        database.commit()
        content = bytearray(database.serialize())
    content[_SQLITE_VERSION] = bytes(4)
    yield f"{META}/index.sqlite", bytes(content)


def _insert(database: sqlite3.Connection, shard: int, rows: pa.Table, *, end: int) -> Numbers:
    """Add a shard's samples and parts; returns where each sample starts, and where the last one ends."""
    members = rows["members"].combine_chunks()
    flat = members.flatten()
    first = members.offsets.to_numpy()[:-1]
    content_offsets = flat.field("offset").to_numpy()
    order = np.argsort(content_offsets[first])
    starts = np.append(content_offsets[first][order] - tar.BLOCK, end)
    keys = rows["key"].combine_chunks().take(pa.array(order)).to_pylist()
    numbers = range(len(keys))
    _add(database, "samples", [[shard] * len(keys), keys, numbers, starts[:-1].tolist(), np.diff(starts).tolist()])
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    by_offset = np.argsort(content_offsets)
    parents = pc.list_parent_indices(members).to_numpy()
    names = pc.replace_substring_regex(flat.field("name"), r"^[^.]*\.", "").take(pa.array(by_offset)).to_pylist()
    columns = (position[parents], content_offsets, flat.field("size_bytes").to_numpy())
    index, offsets, sizes = (column[by_offset].tolist() for column in columns)
    _add(database, "sample_parts", [[shard] * len(names), index, names, offsets, sizes])
    return starts


def _add(database: sqlite3.Connection, table: str, columns: Sequence[Sequence[int | str]]) -> None:
    """Add rows, many with a call, which takes half as long as one with a call."""
    cells = list(chain.from_iterable(zip(*columns, strict=True)))
    row = f"({', '.join('?' * len(columns))})"
    for start in range(0, len(cells), len(columns) * _ROWS_A_CALL):
        some = cells[start : start + len(columns) * _ROWS_A_CALL]
        database.execute(f"INSERT INTO {table} VALUES {', '.join([row] * (len(some) // len(columns)))}", some)


def _yaml(content: Mapping[str, Any]) -> bytes:
    """YAML, which contains JSON."""
    return json.dumps(content, indent=1).encode() + b"\n"
