"""All runs below a folder as two SQL tables: a view that can be built again at any time, never the truth."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from evals.results import RunFolder, find_runs
from shards.errors import UsageError

if TYPE_CHECKING:
    import duckdb

_TYPES: Final = {
    **dict.fromkeys(("copies", "n", "unscored", "seed", "item_limit"), pa.int64()),
    **dict.fromkeys(("value", "low", "high", "level", "chance"), pa.float64()),
    "higher_is_better": pa.bool_(),
}
"""Of the columns of `runs` that hold no text."""


def find_some_runs(roots: Sequence[Path]) -> list[RunFolder]:
    """The finished runs at or below each root, each run once, in the order of the roots.

    Raises:
        UsageError: If a root does not exist or holds no finished run; names every such root.
    """
    found = {root: find_runs(root) if root.is_dir() else [] for root in roots}
    empty = [str(root) for root, folders in found.items() if not folders]
    if empty:
        expected, remedy = "a run folder, or a folder of them", "`anymodal eval --out DIR` writes run folders"
        raise UsageError(", ".join(empty), expected=expected, found="no run.json at or below it", remedy=remedy)
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
    schema = pa.schema([(name, _TYPES.get(name, pa.string())) for name in rows[0]])
    connection.from_arrow(pa.Table.from_pylist(rows, schema=schema)).create("runs")
    connection.from_arrow(_all_items(folders, root)).create("items")
    return connection


def _name(folder: RunFolder, root: Path) -> str:
    path, base = folder.path.resolve(), root.resolve()
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()


def _all_items(folders: Sequence[RunFolder], root: Path) -> pa.Table:
    named = [(_name(folder, root), folder.items()) for folder in folders]
    tables = [items.add_column(0, "run", pa.array([name] * len(items), pa.string())) for name, items in named]
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
        **{name: getattr(result.interval, name, None) for name in ("low", "high", "level")},
        "unit": result.unit,
        "higher_is_better": result.higher_is_better,
        "n": result.n,
        "unscored": sum(result.unscored.values()),
        "chance": run.chance,
        "seed": run.seed,
        "item_limit": run.limit,
        "source": run.source,
    }
