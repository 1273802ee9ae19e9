"""Taking a sample out of a finished set for good, with the least rewriting."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shards.errors import ShardError, UsageError
from shards.files import atomic, make_folder, write_atomic
from shards.manifest import IndexRow, ManifestLine, ShardRecord, StepCounts, read_manifest
from shards.reader import read_archive
from shards.tombstones import TOMBSTONES, Tombstone, encode_tombstones, read_tombstones
from shards.work.chain import TAKEDOWN, WRITE
from shards.work.ledger import LedgerRow, read_bucket_index, read_bucket_ledger
from shards.work.lock import locked
from shards.work.switch import finish_switch, remove_leftovers, stage_for, switch_bucket
from shards.work.unit import store_index, store_ledger
from shards.writer import WrittenShards, write_archive


def take_down(folder: Path, key: str, *, reason: str) -> bool:
    """Take the sample `key` out of the set; False if that was done before.

    Only its shard is written anew, with the other samples' bytes as they were. Its row in the ledger ends as dropped
    at the step "takedown", and a tombstone keeps builds in this folder from bringing it back. Killed at any point,
    the set is as before, or the change waits to be carried to its end by the next call or build.

    Raises:
        UsageError: If there is no reason.
        WorkError: If another process works on the folder.
        ShardError: If the set has no such sample, or its shard is not what the manifest says.
    """
    if not reason.strip():
        raise UsageError("reason", expected="why the sample is taken down", found="nothing")
    with locked(folder):
        finish_switch(folder)
        remove_leftovers(folder)
        stones = read_tombstones(folder)
        if key in stones:
            return False
        line, rows = _find(folder, key)
        stage = stage_for(folder, line.bucket)
        taken = next(row for row in rows if row.key == key)
        media = [member.sha256 for member in taken.members if member.name != f"{key}.json"]
        stone = Tombstone(key, reason, sorted(media))
        write_atomic(stage / TOMBSTONES, encode_tombstones([*stones.values(), stone]))
        switch_bucket(folder, stage, _stage_without(folder, stage, line, rows, stone))
        return True


def holders_of(folder: Path, media_sha256: Sequence[str]) -> list[str]:
    """Keys of the samples that hold one of these media; they may have to go as well."""
    wanted = set(media_sha256)
    found = [
        row.key
        for line in read_manifest(folder).values()
        for row in read_bucket_index(folder, line.bucket)
        if wanted & {member.sha256 for member in row.members}
    ]
    return sorted(found)


def _find(folder: Path, key: str) -> tuple[ManifestLine, list[IndexRow]]:
    """The finished bucket that holds the sample, and its index."""
    for line in read_manifest(folder).values():
        rows = read_bucket_index(folder, line.bucket)
        if any(row.key == key for row in rows):
            return line, rows
    raise ShardError(str(folder), expected=f"sample {key}", found="no such key in its index")


def _stage_without(
    folder: Path, stage: Path, line: ManifestLine, rows: Sequence[IndexRow], stone: Tombstone
) -> ManifestLine:
    """Lay out the bucket's files without the sample; the line that describes them."""
    shard = next(row.shard for row in rows if row.key == stone.key)
    record = next(record for record in line.shards if record.name == shard)
    written = _write_without(folder, stage, record, stone.key)
    ledger = read_bucket_ledger(folder, line.bucket)
    gone = [row for row in ledger if row.key == stone.key and row.step == WRITE]
    end = {"outcome": "dropped", "step": TAKEDOWN, "reason": stone.reason, "detail": ""}
    ends = [msgspec.structs.replace(row, **end) if row in gone else row for row in ledger]
    others = [row for row in rows if row.shard != shard]
    shards = [new for old in line.shards for new in (written.records if old is record else [old])]
    return msgspec.structs.replace(
        line,
        shards=shards,
        steps=_steps_without(line.steps, gone),
        n_written=line.n_written - 1,
        ledger_sha256=store_ledger(stage, line.bucket, ends),
        index_sha256=store_index(stage, line.bucket, [*others, *written.rows]),
    )


def _write_without(folder: Path, stage: Path, record: ShardRecord, key: str) -> WrittenShards:
    """The shard again under its own name, without the sample; no shard if that was all it held."""
    content = (folder / record.name).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != record.sha256:
        raise ShardError(str(folder / record.name), expected=f"sha256 {record.sha256}", found=found)
    if record.n_samples == 1:
        return WrittenShards(records=[], rows=[])
    make_folder((stage / record.name).parent)
    with atomic(stage / record.name) as file:
        drafts = read_archive(content, place=record.name)
        rows = write_archive(file, (draft for draft in drafts if draft.sample.key != key))
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        new = msgspec.structs.replace(
            record,
            size_bytes=file.tell(),
            sha256=sha256,
            n_samples=len(rows),
            signatures=dict(sorted(Counter(row.signature for row in rows).items())),
        )
    return WrittenShards([new], [msgspec.structs.replace(row, shard=record.name) for row in rows])


def _steps_without(steps: Sequence[StepCounts], gone: Sequence[LedgerRow]) -> list[StepCounts]:
    """The step counts once rows that had arrived at the last step end at the takedown before it."""
    *chain, write = steps
    before = chain.pop() if chain and chain[-1].step == TAKEDOWN else StepCounts(TAKEDOWN, write.n_in, 0, 0, 0, 0)
    takedown = msgspec.structs.replace(before, n_dropped=before.n_dropped + len(gone))
    fewer = {
        "n_in": write.n_in - len(gone),
        "n_dropped": write.n_dropped - sum(row.outcome == "dropped" for row in gone),
        "n_merged": write.n_merged - sum(row.outcome == "merged" for row in gone),
    }
    return [*chain, takedown, msgspec.structs.replace(write, **fewer)]
