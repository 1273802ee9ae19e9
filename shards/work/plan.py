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

from shards.errors import WorkError, told_as
from shards.files import make_folder, write_atomic
from shards.keys import keyed_hash
from shards.manifest import bucket_stem
from shards.work.chain import Arrived
from shards.work.ledger import read_bucket_index, read_bucket_ledger

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

    A repeated id gets the first suffix that is free (`~2`, `~3`), so that ledger ids are unique; all occurrences fall
    into one bucket.

    Raises:
        WorkError: If UTF-8 cannot carry a record, for example the name of its file.
    """
    seen: Counter[str] = Counter()
    lines: list[tuple[str, PlanLine]] = []
    for record in records:
        name = record.id
        while name in seen:
            seen[record.id] += 1
            name = f"{record.id}~{seen[record.id]}"
        seen[name] = 1
        try:
            raw = msgspec.Raw(msgspec.json.encode(record, order="sorted"))
        except UnicodeEncodeError as error:
            raise WorkError(f"record {name!a}", expected="names and texts in UTF-8", found=str(error)) from error
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

    Where only a file's time differs, its bytes are hashed and compared with what was written; of an input that nothing
    was written for, the size alone is compared. Other bytes of the same size and time pass.

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
    changed |= {line.id for line in touched if _sizes(line) != _sizes(old[line.id])}
    changed |= _changed_bytes(folder, bucket, touched)
    changes = [
        *(f"gone: {name}" for name in sorted(old.keys() - new.keys())),
        *(f"new: {name}" for name in sorted(new.keys() - old.keys())),
        *(f"changed: {name}" for name in sorted(changed)),
    ]
    if changes:
        remedy = "build into a new folder, or bring the old ones back; --retry-failed takes mended files of failed rows"
        more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        place, found = f"{folder}, {bucket_stem(bucket)}", ", ".join(changes[:_SHOWN]) + more
        raise WorkError(place, expected="the inputs that it was built from", found=found, remedy=remedy)


def _changed_bytes(folder: Path, bucket: int, touched: Sequence[PlanLine]) -> set[str]:
    """Ids among `touched` whose files no longer hold the bytes that were written, if any were."""
    if not touched:
        return set()
    samples = {row.key: {member.sha256 for member in row.members} for row in read_bucket_index(folder, bucket)}
    ends = read_bucket_ledger(folder, bucket)
    written = {row.id: samples.get(row.key, set()) for row in ends if row.outcome in ("written", "merged")}
    ours = [line for line in touched if line.id in written]
    return {line.id for line in ours if not {_file_sha256(path) for path in line.files} <= written[line.id]}


def _sizes(line: PlanLine) -> list[str]:
    return [state.partition(":")[0] for state in line.stamp.split(",")]


def _file_sha256(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "missing"


def _file_stamp(path: Path) -> str:
    try:
        state = path.stat()
    except (OSError, ValueError):  # a name with a null character is none
        return "missing"
    return f"{state.st_size}:{state.st_mtime_ns}"


def _path(folder: Path, bucket: int) -> Path:
    return folder / PLAN / f"{bucket_stem(bucket)}.jsonl"
