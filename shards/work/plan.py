"""The plan of a build: which input falls into which bucket, written down before any work begins.

The plan is made anew on every start and compared with what finished buckets were made from, so that changed inputs
are refused with their names instead of being mixed with older output.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pyarrow.dataset as pads

from shards.errors import ShardError, WorkError, told_as
from shards.files import make_folder, write_atomic
from shards.keys import keyed_hash
from shards.manifest import INDEX, LEDGER, bucket_stem
from shards.work.chain import Arrived

PLAN = ".work/plan"
INPUTS_PER_BUCKET = 2000
_SHOWN = 5


class Record(Protocol):
    """What a source yields: a msgspec struct that knows its id in the source and the files that it stands on."""

    @property
    def id(self) -> str: ...

    @property
    def files(self) -> Sequence[str]: ...


class PlanLine(msgspec.Struct, frozen=True):
    """An input as it is planned: the source's struct as JSON, and size and time of its files."""

    id: str
    record: msgspec.Raw
    files: Sequence[str]
    stamp: str


Plan = Mapping[int, Sequence[PlanLine]]


def default_buckets(n_inputs: int) -> int:
    """A power of two with about 2,000 inputs a bucket; it stays the same while a source grows a little."""
    return 1 << max(0, (n_inputs // INPUTS_PER_BUCKET).bit_length())


def make_plan(records: Iterable[Record], *, n_buckets: int | None) -> Plan:
    """Each bucket's inputs, in the source's order.

    A repeated id gets its occurrence as a suffix (`~2`, `~3`), so that ledger ids are unique; all occurrences fall
    into one bucket.
    """
    seen: Counter[str] = Counter()
    lines: list[tuple[str, PlanLine]] = []
    for record in records:
        seen[record.id] += 1
        name = record.id if seen[record.id] == 1 else f"{record.id}~{seen[record.id]}"
        raw = msgspec.Raw(msgspec.json.encode(record, order="sorted"))
        stamp = ",".join(_file_stamp(Path(path)) for path in record.files)
        lines.append((record.id, PlanLine(name, raw, record.files, stamp)))
    n = n_buckets or default_buckets(len(lines))
    plan: dict[int, list[PlanLine]] = {bucket: [] for bucket in range(n)}
    for source_id, line in lines:
        plan[keyed_hash(source_id, seed=0, purpose="bucket") % n].append(line)
    return plan


def plan_sha256(lines: Sequence[PlanLine]) -> str:
    """Identity of a bucket's inputs: ids and records; not the times of files."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(msgspec.json.encode([line.id, line.record]) + b"\n")
    return digest.hexdigest()


def store_plan(folder: Path, bucket: int, lines: Sequence[PlanLine]) -> None:
    """Write a bucket's plan to `.work/plan`, where the unit reads it."""
    make_folder(folder / PLAN)
    write_atomic(_path(folder, bucket), b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def load_plan(folder: Path, bucket: int) -> list[PlanLine]:
    """A bucket's plan as it was stored."""
    decoder = msgspec.json.Decoder(PlanLine)
    with told_as((OSError, msgspec.MsgspecError), WorkError, str(_path(folder, bucket)), expected="the bucket's plan"):
        return [decoder.decode(line) for line in _path(folder, bucket).read_bytes().splitlines()]


def planned_inputs(lines: Sequence[PlanLine], record_type: type[Any]) -> list[Arrived]:
    """The inputs of a plan, records decoded as the source's struct."""
    return [Arrived(line.id, msgspec.json.decode(line.record, type=record_type)) for line in lines]


def check_unchanged(folder: Path, bucket: int, today: Sequence[PlanLine], *, mended: Collection[str] = ()) -> None:
    """Compare a finished bucket's inputs with those of today.

    Where only a file's time differs, its bytes are hashed and compared with what was written.

    Args:
        folder: The set.
        bucket: A finished one.
        today: Its inputs as they are planned now.
        mended: Ids whose files may hold other bytes, since nothing was written from them.

    Raises:
        WorkError: If inputs came, went or changed; the first of them are named.
    """
    old = {line.id: line for line in load_plan(folder, bucket)}
    new = {line.id: line for line in today}
    touched = [
        line for name, line in new.items() if name in old and name not in mended and line.stamp != old[name].stamp
    ]
    changed = {name for name in old.keys() & new.keys() if old[name].record != new[name].record}
    changed |= _changed_bytes(folder, bucket, touched)
    changes = [
        *(f"gone: {name}" for name in sorted(old.keys() - new.keys())),
        *(f"new: {name}" for name in sorted(new.keys() - old.keys())),
        *(f"changed: {name}" for name in sorted(changed)),
    ]
    if changes:
        remedy = (
            "build into a new folder, or bring the old inputs back; --retry-failed takes mended files of failed rows"
        )
        more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        raise WorkError(
            f"{folder}, {bucket_stem(bucket)}",
            expected="the inputs that it was built from",
            found=", ".join(changes[:_SHOWN]) + more,
            remedy=remedy,
        )


def _changed_bytes(folder: Path, bucket: int, touched: Sequence[PlanLine]) -> set[str]:
    """Ids among `touched` whose files no longer hold the bytes that were written."""
    if not touched:
        return set()
    stem = bucket_stem(bucket)
    with told_as(OSError, ShardError, str(folder / INDEX), expected=f"the index of {stem}"):
        ledger = pads.dataset(str(folder / LEDGER / f"{stem}.parquet")).to_table(columns=["id", "key"]).to_pylist()
        index = pads.dataset(str(folder / INDEX / f"{stem}.parquet")).to_table(columns=["key", "members"]).to_pylist()
    written = {row["key"]: {member["sha256"] for member in row["members"]} for row in index}
    keys = {row["id"]: row["key"] for row in ledger}
    found = {line.id: {_file_sha256(path) for path in line.files} for line in touched}
    return {name for name, hashes in found.items() if not hashes <= written.get(keys.get(name, ""), set())}


def _file_sha256(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "missing"


def _file_stamp(path: Path) -> str:
    try:
        state = path.stat()
    except OSError:
        return "missing"
    return f"{state.st_size}:{state.st_mtime_ns}"


def _path(folder: Path, bucket: int) -> Path:
    return folder / PLAN / f"{bucket_stem(bucket)}.jsonl"
