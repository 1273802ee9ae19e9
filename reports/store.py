"""All runs below a folder as two SQL tables: a view that can be built again at any time, never the truth."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from evals.results import RunFolder, find_runs
from shards.errors import UsageError

if TYPE_CHECKING:
    import duckdb

_RUN_COLUMNS: Final = {
    "run": pa.string(),
    "model": pa.string(),
    "benchmark": pa.string(),
    "split": pa.string(),
    "domain": pa.string(),
    "exposure": pa.string(),
    "protocol": pa.string(),
    "protocol_id": pa.string(),
    "copies": pa.int64(),
    "metric": pa.string(),
    "value": pa.float64(),
    "low": pa.float64(),
    "high": pa.float64(),
    "level": pa.float64(),
    "unit": pa.string(),
    "higher_is_better": pa.bool_(),
    "n": pa.int64(),
    "unscored": pa.int64(),
    "chance": pa.float64(),
    "seed": pa.int64(),
    "item_limit": pa.int64(),
    "source": pa.string(),
}


def find_some_runs(roots: Sequence[Path]) -> list[RunFolder]:
    """The finished runs at or below each root, each run once, in the order of the roots.

    Raises:
        UsageError: If a root does not exist or holds no finished run; names every such root.
    """
    found = {root: find_runs(root) if root.is_dir() else [] for root in roots}
    empty = [str(root) for root, folders in found.items() if not folders]
    if empty:
        raise UsageError(
            ", ".join(empty),
            expected="a run folder, or a folder of them",
            found="no run.json at or below it",
            remedy="`anymodal eval --out DIR` writes run folders",
        )
    unique = {folder.path.resolve(): folder for folders in found.values() for folder in folders}
    return list(unique.values())


def open_store(root: Path) -> "duckdb.DuckDBPyConnection":
    """An in-memory DuckDB over the finished runs at or below `root`.

    Tables: `runs` (one row a run; `run` is its path below `root`; `copies` counts the runs with the same model and
    protocol: all are kept, none is taken for the better one) and `items` (every item row, with `run`).

    Raises:
        UsageError: If there is no finished run.
    """
    return store_of(find_some_runs([root]), root=root)


def store_of(folders: Sequence[RunFolder], *, root: Path) -> "duckdb.DuckDBPyConnection":
    """`open_store` over the given runs."""
    import duckdb

    connection = duckdb.connect(":memory:")
    rows = [_row(folder, root, folders) for folder in folders]
    _create(connection, "runs", pa.Table.from_pylist(rows, schema=pa.schema(list(_RUN_COLUMNS.items()))))
    _create(connection, "items", _all_items(folders, root))
    return connection


def _create(connection: "duckdb.DuckDBPyConnection", name: str, table: pa.Table) -> None:
    connection.register("arrow_table", table)
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM arrow_table")
    connection.unregister("arrow_table")


def _name(folder: RunFolder, root: Path) -> str:
    path, base = folder.path.resolve(), root.resolve()
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()


def _all_items(folders: Sequence[RunFolder], root: Path) -> pa.Table:
    tables = []
    for folder in folders:
        items = folder.items()
        tables.append(items.add_column(0, "run", pa.array([_name(folder, root)] * len(items), pa.string())))
    return pa.concat_tables(tables, promote_options="default")


def _row(folder: RunFolder, root: Path, folders: Sequence[RunFolder]) -> dict[str, Any]:
    run, result = folder.run, folder.result
    twins = [other for other in folders if (other.run.model, other.run.protocol_id) == (run.model, run.protocol_id)]
    return {
        "run": _name(folder, root),
        "model": run.model,
        "benchmark": run.benchmark,
        "split": run.protocol.split,
        "domain": run.domain,
        "exposure": run.exposure,
        "protocol": result.protocol,
        "protocol_id": run.protocol_id,
        "copies": len(twins),
        "metric": result.metric,
        "value": result.value,
        "low": result.interval.low if result.interval else None,
        "high": result.interval.high if result.interval else None,
        "level": result.interval.level if result.interval else None,
        "unit": result.unit,
        "higher_is_better": result.higher_is_better,
        "n": result.n,
        "unscored": sum(result.unscored.values()),
        "chance": run.chance,
        "seed": run.seed,
        "item_limit": run.limit,
        "source": run.source,
    }
