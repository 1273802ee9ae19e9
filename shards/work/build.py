"""A build: plan, units, manifest. Killed at any point it goes on where it was; finished, it does nothing."""

import contextlib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from shards.errors import WorkError
from shards.files import write_atomic
from shards.manifest import MANIFEST, ManifestLine, append_line, bucket_stem, encode_line, read_manifest
from shards.tombstones import read_tombstones
from shards.work.chain import Step
from shards.work.engine import run_units
from shards.work.ledger import read_bucket_ledger
from shards.work.lock import FolderLock, locked
from shards.work.plan import Plan, Record, check_unchanged, load_plan, make_plan, plan_sha256, store_plan
from shards.work.recipe import Recipe, known_buckets, settle_recipe
from shards.work.switch import finish_switch, remove_leftovers, stage_for, switch_bucket
from shards.work.unit import Unit, index_path
from shards.writer import ShardSpec

Progress = Callable[[int, int], None]
"""Called with the number of finished buckets and of all buckets."""


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """What `build` runs: records of one type through a chain of steps."""

    name: str
    settings: Mapping[str, str | int | float | bool | None]
    records: Iterable[Record]
    record_type: type[Any]
    steps: Sequence[Step]
    seed: int = 0
    spec: ShardSpec = ShardSpec()
    n_buckets: int | None = None


def build(
    pipeline: Pipeline,
    folder: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    retry_failed: bool = False,
) -> bool:
    """Bring `folder` to the state that the pipeline describes; False if it was there already.

    Args:
        pipeline: What to build.
        folder: The set's folder; made if absent, continued if it holds an unfinished build of the same pipeline.
        workers: Processes; 1 works in this one.
        progress: Told after every bucket.
        retry_failed: Run finished buckets with failed rows again; the files of those rows may have been mended.

    Raises:
        WorkError: If another process works on the folder, it was built by another recipe or from other inputs, a
            worker process died, or a retry would change rows that were written. Finished buckets stay finished.
        OSError: If the disk is full or broken; started again with room, the build goes on.
    """
    with locked(folder) as lock:
        changed = finish_switch(folder)
        plan = make_plan(pipeline.records, n_buckets=pipeline.n_buckets or known_buckets(folder))
        settle_recipe(folder, _recipe(pipeline, n_buckets=len(plan)))
        remove_leftovers(folder)
        failed = _failed(folder) if retry_failed else {}
        units = [_unit(pipeline, folder, folder, bucket) for bucket in _waiting(folder, plan, failed)]
        with contextlib.closing(run_units(units, workers=workers, lock=lock)) as lines:
            for n_done, line in enumerate(lines, len(plan) - len(units) + 1):
                append_line(folder, line)
                if progress is not None:
                    progress(n_done, len(plan))
        changed |= _finish_manifest(folder) or bool(units)
        return _retry(pipeline, folder, plan, sorted(failed), workers=workers, lock=lock) or changed


def _recipe(pipeline: Pipeline, *, n_buckets: int) -> Recipe:
    steps = [(step.name, step.version) for step in pipeline.steps]
    return Recipe(
        pipeline=pipeline.name,
        settings=dict(pipeline.settings),
        steps=steps,
        seed=pipeline.seed,
        spec=pipeline.spec,
        n_buckets=n_buckets,
    )


def _waiting(folder: Path, plan: Plan, failed: Mapping[int, set[str]]) -> list[int]:
    """Buckets that are not finished; their plans are stored, those of finished ones compared."""
    finished = read_manifest(folder)
    for bucket, lines in plan.items():
        if bucket not in finished:
            store_plan(folder, bucket, lines)
        else:
            check_unchanged(folder, bucket, lines, mended=failed.get(bucket, set()))
            if plan_sha256(lines) != finished[bucket].plan_sha256:
                raise WorkError(
                    f"{folder}, bucket {bucket}", expected="inputs in the same order", found="another order"
                )
    return [bucket for bucket in plan if bucket not in finished]


def _unit(pipeline: Pipeline, folder: Path, target: Path, bucket: int) -> Unit:
    return Unit(
        folder=str(target),
        bucket=bucket,
        steps=pipeline.steps,
        record_type=pipeline.record_type,
        spec=pipeline.spec,
        seed=pipeline.seed,
        taken={key: stone.reason for key, stone in read_tombstones(folder).items()},
    )


def _finish_manifest(folder: Path) -> bool:
    """Put the manifest's lines in bucket order once all are there; whether that changed anything."""
    lines = read_manifest(folder)
    content = b"".join(encode_line(line) for _, line in sorted(lines.items()))
    if content == (folder / MANIFEST).read_bytes():
        return False
    write_atomic(folder / MANIFEST, content)
    return True


def _failed(folder: Path) -> dict[int, set[str]]:
    """The ids that failed, by finished bucket."""
    failed: dict[int, set[str]] = {}
    for bucket in read_manifest(folder):
        ids = {row.id for row in read_bucket_ledger(folder, bucket) if row.outcome == "failed"}
        if ids:
            failed[bucket] = ids
    return failed


def _retry(
    pipeline: Pipeline, folder: Path, plan: Plan, buckets: Sequence[int], *, workers: int, lock: FolderLock
) -> bool:
    """Run buckets again beside what they are now; each takes its old self's place when it is done."""
    stages = {bucket: stage_for(folder, bucket) for bucket in buckets}
    for bucket, stage in stages.items():
        store_plan(stage, bucket, plan[bucket])
    units = [_unit(pipeline, folder, stage, bucket) for bucket, stage in stages.items()]
    n_changed = 0
    with contextlib.closing(run_units(units, workers=workers, lock=lock)) as lines:
        for line in lines:
            n_changed += _replace(folder, stages[line.bucket], line)
    return n_changed > 0


def _replace(folder: Path, stage: Path, line: ManifestLine) -> bool:
    """Put a retried bucket in place if it differs; whether it did."""
    same_plan = load_plan(folder, line.bucket) == load_plan(stage, line.bucket)
    if same_plan and line == read_manifest(folder)[line.bucket]:
        shutil.rmtree(stage)
        return False
    before, now = (_media_by_key(index_path(place, line.bucket)) for place in (folder, stage))
    altered = sorted(key for key, members in before.items() if now.get(key) != members)
    if altered:
        raise WorkError(
            f"{folder}, {bucket_stem(line.bucket)}",
            expected="a retry that keeps what was written",
            found=f"other bytes, or none, of {', '.join(altered[:5])}",
            remedy="the set stays as it was; bring back what these samples were made from, and retry",
        )
    switch_bucket(folder, stage, line)
    return True


def _media_by_key(index: Path) -> dict[str, list[str]]:
    """The sha256 of each sample's members."""
    rows = pq.read_table(index, columns=["key", "members"]).to_pylist()
    return {row["key"]: [member["sha256"] for member in row["members"]] for row in rows}
