"""Does every input have exactly one end, and is everything there that the ledger says was written?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from shards.manifest import StepCounts
from shards.reader import ShardSet
from shards.tombstones import read_tombstones
from shards.work.chain import TAKEDOWN, WRITE
from shards.work.ledger import LedgerRow, read_ledger
from shards.work.plan import PLAN, load_plan
from shards.work.recipe import known_buckets


class Audit(msgspec.Struct, frozen=True):
    """The books of a set.

    `steps` are summed over all buckets; `reasons` counts (outcome, step, reason); `faults` says, in words, what does
    not balance. No faults: n_in + n_created = n_written + n_dropped + n_failed + n_merged, per step and in total,
    all buckets are finished, and the written keys are exactly the indexed ones, once each.
    """

    n_in: int
    n_created: int
    n_written: int
    n_dropped: int
    n_failed: int
    n_merged: int
    steps: Sequence[StepCounts]
    reasons: Sequence[tuple[str, str, str, int]]
    faults: Sequence[str]


def audit(folder: Path) -> Audit:
    """Balance a set's ledger against its plan, its step counts and its index.

    Raises:
        ShardsError: If one of the books cannot be read at all.
    """
    shard_set = ShardSet(folder)
    rows = list(read_ledger(folder))
    outcomes = Counter(row.outcome for row in rows)
    steps = _sum_steps(shard_set)
    planned = _planned(shard_set, rows)
    return Audit(
        n_in=len(planned),
        n_created=sum(row.created for row in rows),
        n_written=outcomes["written"],
        n_dropped=outcomes["dropped"],
        n_failed=outcomes["failed"],
        n_merged=outcomes["merged"],
        steps=steps,
        reasons=_reasons(rows),
        faults=[*_id_faults(rows, planned), *_step_faults(steps, rows, len(planned)), *_index_faults(shard_set, rows)],
    )


def _planned(shard_set: ShardSet, rows: Sequence[LedgerRow]) -> list[str]:
    """The ids that went in; of a published set, which has no plan, the ledger's own."""
    if not (shard_set.folder / PLAN).exists():
        return sorted({row.id for row in rows if not row.created})
    return [line.id for done in shard_set.lines for line in load_plan(shard_set.folder, done.bucket)]


def _sum_steps(shard_set: ShardSet) -> list[StepCounts]:
    sums: dict[str, Counter[str]] = {}
    names = [name for name in StepCounts.__struct_fields__ if name != "step"]
    some_taken = any(counts.step == TAKEDOWN for line in shard_set.lines for counts in line.steps)
    for line in shard_set.lines:
        for counts in _with_takedown(line.steps) if some_taken else line.steps:
            sums.setdefault(counts.step, Counter()).update({name: getattr(counts, name) for name in names})
    return [StepCounts(step, *(total[name] for name in names)) for step, total in sums.items()]


def _with_takedown(steps: Sequence[StepCounts]) -> Sequence[StepCounts]:
    """The steps of a bucket; where nothing was taken down, all passed that step."""
    *chain, write = steps
    if any(counts.step == TAKEDOWN for counts in chain):
        return steps
    return [*chain, StepCounts(TAKEDOWN, write.n_in, 0, 0, 0, 0), write]


def _reasons(rows: Sequence[LedgerRow]) -> list[tuple[str, str, str, int]]:
    counts = Counter((row.outcome, row.step, row.reason) for row in rows if row.outcome != "written")
    return [(*where, count) for where, count in sorted(counts.items())]


def _id_faults(rows: Sequence[LedgerRow], planned: Sequence[str]) -> Iterator[str]:
    ends = Counter(row.id for row in rows)
    inputs = {row.id for row in rows if not row.created}
    yield from (f"{name} has {count} ends" for name, count in sorted(ends.items()) if count > 1)
    yield from (f"{name} was planned and has no end" for name in sorted(set(planned) - inputs))
    yield from (f"{name} has an end and was not planned" for name in sorted(inputs - set(planned)))


def _step_faults(steps: Sequence[StepCounts], rows: Sequence[LedgerRow], n_planned: int) -> Iterator[str]:
    ended: Counter[tuple[str, str]] = Counter((row.step, row.outcome) for row in rows)
    n_reaching = n_planned
    for counts in steps:
        if counts.n_in != n_reaching:
            yield f"step {counts.step}: {n_reaching} items left the step before, {counts.n_in} arrived"
        for outcome, n in (("dropped", counts.n_dropped), ("failed", counts.n_failed), ("merged", counts.n_merged)):
            if ended[counts.step, outcome] != n:
                yield f"step {counts.step}: counted {n} {outcome}, the ledger has {ended[counts.step, outcome]}"
        n_reaching = counts.n_left
    if n_reaching != ended[WRITE, "written"]:
        yield f"{n_reaching} items left the last step, the ledger has {ended[WRITE, 'written']} written"


def _index_faults(shard_set: ShardSet, rows: Sequence[LedgerRow]) -> Iterator[str]:
    written = Counter(row.key for row in rows if row.outcome == "written")
    indexed = Counter(map(str, shard_set.index["key"].to_pylist()))
    n_done, n_buckets = len(shard_set.lines), known_buckets(shard_set.folder) or 0
    if n_done < n_buckets:
        yield f"{n_done} of {n_buckets} buckets are finished"
    yield from (f"{key} is {count} times in the index" for key, count in sorted(indexed.items()) if count > 1)
    yield from (f"{key} is written and not in the index" for key in sorted((written - indexed).elements()))
    yield from (f"{key} is in the index and not written" for key in sorted((indexed - written).elements()))
    yield from (
        f"{key} was taken down and is in the index" for key in read_tombstones(shard_set.folder) if indexed[key]
    )
    if len(shard_set) != indexed.total():
        yield f"the manifest counts {len(shard_set)} samples, the index {indexed.total()}"
    into = {row.key for row in rows if row.outcome == "merged"}
    yield from (f"merged into {key}, which was not written" for key in sorted(into - written.keys()))
