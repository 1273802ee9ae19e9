"""A build: plan, units, manifest. Killed at any point it goes on where it was; finished, it does nothing."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.dataset as pads

from shards.errors import WorkError
from shards.files import write_atomic
from shards.manifest import MANIFEST, append_line, encode_line, read_manifest
from shards.tombstones import read_tombstones
from shards.work.job import Job, Pipeline
from shards.work.ledger import index_path
from shards.work.lock import locked
from shards.work.plan import Plan, check_unchanged, make_plan, plan_sha256, store_plan
from shards.work.recipe import Recipe, known_buckets, settle_recipe
from shards.work.retry import FailedIds, failed_ids, retry
from shards.work.switch import finish_switch, remove_leftovers

Progress = Callable[[int, int], None]
"""Called with the number of finished buckets and of all buckets."""


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
            worker process died, a retry would change samples that were written, or two inputs in different buckets
            made samples of the same key. Finished buckets stay finished.
        OSError: If the disk is full or broken; started again with room, the build goes on.
    """
    with locked(folder) as lock:
        switched = finish_switch(folder)
        plan = make_plan(pipeline.records, n_buckets=pipeline.n_buckets or known_buckets(folder))
        settle_recipe(folder, _recipe(pipeline, n_buckets=len(plan)))
        remove_leftovers(folder)
        stones = read_tombstones(folder)
        job = Job(pipeline=pipeline, folder=folder, plan=plan, tombstones=stones, workers=workers, lock=lock)
        failed = failed_ids(folder) if retry_failed else {}
        built = _build_waiting(job, failed, progress)
        retried = retry(job, failed)
        _refuse_repeated_keys(folder)
        return _finish_manifest(folder) or switched or built or retried


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


def _build_waiting(job: Job, failed: FailedIds, progress: Progress | None) -> bool:
    """Run the buckets that are not finished; whether there were any."""
    waiting = _waiting(job.folder, job.plan, failed)
    with contextlib.closing(job.run(dict.fromkeys(waiting, job.folder))) as lines:
        for n_done, line in enumerate(lines, len(job.plan) - len(waiting) + 1):
            append_line(job.folder, line)
            if progress is not None:
                progress(n_done, len(job.plan))
    return bool(waiting)


def _waiting(folder: Path, plan: Plan, failed: FailedIds) -> list[int]:
    """Buckets that are not finished; their plans are stored, those of finished ones compared."""
    finished = read_manifest(folder)
    for bucket, lines in plan.items():
        if bucket not in finished:
            store_plan(folder, bucket, lines)
        else:
            check_unchanged(folder, bucket, lines, mended=failed.get(bucket, ()))
            if plan_sha256(lines) != finished[bucket].plan_sha256:
                place = f"{folder}, bucket {bucket}"
                raise WorkError(place, expected="inputs in the same order", found="another order")
    return [bucket for bucket in plan if bucket not in finished]


def _refuse_repeated_keys(folder: Path) -> None:
    """Refuse a set that holds a key more than once; within a bucket, `run_unit` sees to it."""
    indexes = [str(index_path(folder, bucket).absolute()) for bucket in read_manifest(folder)]
    counts = pc.value_counts(pads.dataset(indexes).to_table(columns=["key"])["key"])
    repeated = sorted(counts.field("values").filter(pc.greater(counts.field("counts"), 1)).to_pylist())
    if repeated:
        remedy = "let steps give every sample its own key, and build into a new folder"
        raise WorkError(str(folder), expected="every key once", found=f"more of {repeated[:5]}", remedy=remedy)


def _finish_manifest(folder: Path) -> bool:
    """Put the manifest's lines in bucket order once all are there; whether that changed anything."""
    lines = read_manifest(folder)
    content = b"".join(encode_line(line) for _, line in sorted(lines.items()))
    if content == (folder / MANIFEST).read_bytes():
        return False
    write_atomic(folder / MANIFEST, content)
    return True
