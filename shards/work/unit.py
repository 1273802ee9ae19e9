"""One unit of work: a bucket's inputs through a chain of steps into shards, a ledger and an index."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec

from shards import files
from shards.draft import Draft
from shards.errors import UsageError
from shards.files import make_folder, write_atomic
from shards.keys import keyed_hash
from shards.manifest import (
    INDEX,
    INDEX_ARROW_SCHEMA,
    LEDGER,
    SHARDS,
    IndexRow,
    ManifestLine,
    StepCounts,
    bucket_stem,
)
from shards.work.chain import TAKEDOWN, WRITE, Arrived, Check, Step, travel
from shards.work.ledger import LEDGER_ARROW_SCHEMA, LedgerRow, index_path, ledger_path, rows_to_parquet
from shards.work.plan import load_plan, plan_sha256, planned_inputs
from shards.writer import ShardSpec, write_archive, write_shards


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs to build one bucket; picklable.

    Args:
        folder: Where its plan lies and its files go: the set, or a stage.
        taken: Keys that were taken down, and why.
    """

    folder: str
    bucket: int
    steps: Sequence[Step]
    record_type: type[Any]
    spec: ShardSpec
    seed: int
    taken: Mapping[str, str] = {}


def run_unit(unit: Unit) -> ManifestLine:
    """Build one bucket; what comes back is its manifest line, not yet appended.

    Everything that the line names is durable when this returns. Leftovers of a killed attempt are removed first; the
    same unit gives the same bytes every time. A draft that cannot be written fails at the last step: it is found by
    going through the steps again and writing each draft alone.
    """
    try:
        return _run(unit)
    except (UsageError, OSError, MemoryError, ImportError):
        raise
    except Exception:  # noqa: BLE001 (its row is found, and the error told there)
        return _run(unit, check=lambda draft: write_archive(BytesIO(), [draft]))


def _run(unit: Unit, *, check: Check | None = None) -> ManifestLine:
    folder, stem = Path(unit.folder), bucket_stem(unit.bucket)
    _clear(folder, stem)
    plan = load_plan(folder, unit.bucket)
    travelled = travel(planned_inputs(plan, unit.record_type), unit.steps, check=check)
    arrived, taken = _without_taken(travelled.arrived, unit.taken)
    kept, repeats = _without_repeats(arrived)
    kept.sort(key=lambda item: keyed_hash(item.draft.sample.key, seed=unit.seed, purpose="order"))
    shards = write_shards(folder, stem, (item.draft for item in kept), unit.spec)
    written = [LedgerRow(item.id, item.draft.sample.key, "written", WRITE, created=item.created) for item in kept]
    ledger = [*written, *repeats, *taken, *travelled.ended]
    last = [*_takedown_counts(len(travelled.arrived), taken), _write_counts(len(arrived), repeats)]
    return ManifestLine(
        bucket=unit.bucket,
        plan_sha256=plan_sha256(plan),
        shards=shards.records,
        steps=[*travelled.steps, *last],
        n_written=len(kept),
        ledger_sha256=store_ledger(folder, unit.bucket, ledger),
        index_sha256=store_index(folder, unit.bucket, shards.rows),
    )


def store_ledger(folder: Path, bucket: int, rows: Iterable[LedgerRow]) -> str:
    """Write a bucket's ledger, sorted by id; its sha256."""
    by_id = sorted(rows, key=lambda row: row.id)
    return _store(ledger_path(folder, bucket), rows_to_parquet(by_id, LEDGER_ARROW_SCHEMA))


def store_index(folder: Path, bucket: int, rows: Iterable[IndexRow]) -> str:
    """Write a bucket's index, sorted by key; its sha256."""
    by_key: list[IndexRow] = sorted(rows, key=lambda row: row.key)
    return _store(index_path(folder, bucket), rows_to_parquet(by_key, INDEX_ARROW_SCHEMA))


def _without_taken(arrived: Sequence[Arrived], taken: Mapping[str, str]) -> tuple[Sequence[Arrived], list[LedgerRow]]:
    """The items whose key was not taken down, and rows for the others."""
    if not taken:
        return arrived, []
    gone = [(item, item.draft.sample.key) for item in arrived if item.draft.sample.key in taken]
    rows = [LedgerRow(item.id, key, "dropped", TAKEDOWN, taken[key], created=item.created) for item, key in gone]
    return [item for item in arrived if item.draft.sample.key not in taken], rows


def _takedown_counts(n_arrived: int, taken: Sequence[LedgerRow]) -> list[StepCounts]:
    """A step of its own in the buckets that something was taken from; the others stay as they are."""
    return [StepCounts(TAKEDOWN, n_arrived, 0, len(taken), 0, 0)] if taken else []


def _without_repeats(arrived: Sequence[Arrived]) -> tuple[list[Arrived], list[LedgerRow]]:
    """The first item of each key, and rows for the others: merged if equal to it, dropped if not."""
    first: dict[str, Draft] = {}
    kept: list[Arrived] = []
    repeats: list[LedgerRow] = []
    for item in arrived:
        key = item.draft.sample.key
        known = first.setdefault(key, item.draft)
        if known is item.draft:
            kept.append(item)
        elif known.sample == item.draft.sample:
            repeats.append(LedgerRow(item.id, key, "merged", WRITE, "repeated_id", "equal to it", item.created))
        else:
            detail = f"another sample than the first with the key {key}"
            repeats.append(LedgerRow(item.id, key, "dropped", WRITE, "repeated_id", detail, item.created))
    return kept, repeats


def _write_counts(n_arrived: int, repeats: Sequence[LedgerRow]) -> StepCounts:
    n_merged = sum(row.outcome == "merged" for row in repeats)
    return StepCounts(WRITE, n_arrived, 0, len(repeats) - n_merged, 0, n_merged)


def _store(path: Path, content: bytes) -> str:
    make_folder(path.parent)
    write_atomic(path, content)
    return hashlib.sha256(content).hexdigest()


def _clear(folder: Path, stem: str) -> None:
    for place in (SHARDS, INDEX, LEDGER):
        for leftover in [*(folder / place).glob(f"{stem}[-.]*"), *(folder / place).glob(f".{stem}[-.]*")]:
            files.disk.remove(leftover)
