"""The ledger, where every input id ended, one row each; and a bucket's tables, this and the index, read."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from shards.errors import ShardError, told_as
from shards.manifest import INDEX, INDEX_ARROW_SCHEMA, LEDGER, IndexRow, bucket_stem, read_manifest

Outcome = Literal["written", "dropped", "failed", "merged"]


class LedgerRow(msgspec.Struct, frozen=True):
    """The end of one item.

    Args:
        id: The input's id in its source; a repeated id carries its occurrence, an item made by a step its parent.
        key: The sample's key; of a merged item, the key that it went into.
        outcome: written; dropped by a rule; failed, and could succeed on retry; merged into another sample.
        step: The step that decided; "write" for written.
        reason: Machine-readable reason of a drop or a failure, else "".
        detail: The figure or message behind the reason, for people.
        created: Whether a step made this item, so that it is no input.
    """

    id: str
    key: str
    outcome: Outcome
    step: str
    reason: str = ""
    detail: str = ""
    created: bool = False


LEDGER_ARROW_SCHEMA = pa.schema(
    [(name, pa.bool_() if name == "created" else pa.string()) for name in LedgerRow.__struct_fields__],
    metadata={"schema": "anymodal.ledger/1"},
)


def rows_to_parquet(rows: Sequence[msgspec.Struct], schema: pa.Schema) -> bytes:
    """Rows as the bytes of a Parquet file; equal rows give equal bytes."""
    table = pa.Table.from_arrays([_column(rows, field) for field in schema], schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=False)
    return bytes(sink.getvalue())


def _column(structs: Iterable[msgspec.Struct], field: pa.Field) -> pa.Array:
    """One field of all structs, without an object for each of them on the way."""
    values = list(map(attrgetter(field.name), structs))
    if not pa.types.is_list(field.type):
        return pa.array(values, field.type)
    inner = list(field.type.value_type)
    flat = list(chain.from_iterable(values))
    children = pa.StructArray.from_arrays([_column(flat, one) for one in inner], fields=inner)
    starts = pa.array(list(accumulate(map(len, values), initial=0)), pa.int32())
    return pa.ListArray.from_arrays(starts, children, field.type)


def read_ledger(folder: Path) -> Iterator[LedgerRow]:
    """All rows of a set's ledger, finished bucket by finished bucket; one whose file is gone has none."""
    for bucket in sorted(read_manifest(folder)):
        if ledger_path(folder, bucket).exists():
            yield from read_bucket_ledger(folder, bucket)


def read_bucket_ledger(folder: Path, bucket: int) -> list[LedgerRow]:
    """One bucket's rows, sorted by id."""
    return _read(ledger_path(folder, bucket), LEDGER_ARROW_SCHEMA, LedgerRow)


def read_bucket_index(folder: Path, bucket: int) -> list[IndexRow]:
    """One bucket's written samples, sorted by key."""
    return _read(index_path(folder, bucket), INDEX_ARROW_SCHEMA, IndexRow)


def _read(path: Path, schema: pa.Schema, kind: type[msgspec.Struct]) -> list[Any]:
    with told_as((OSError, pa.ArrowException, msgspec.ValidationError), ShardError, str(path), expected="a table"):
        table = pq.read_table(pa.OSFile(str(path)), schema=schema)  # a path could be taken for a URL
        return [msgspec.convert(row, kind) for row in table.to_pylist()]


def ledger_path(folder: Path, bucket: int) -> Path:
    """Where a bucket's ledger lies."""
    return folder / LEDGER / f"{bucket_stem(bucket)}.parquet"


def index_path(folder: Path, bucket: int) -> Path:
    """Where a bucket's index lies."""
    return folder / INDEX / f"{bucket_stem(bucket)}.parquet"
