"""Running finished buckets once more because rows of theirs failed."""

import contextlib
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from shards.errors import WorkError
from shards.manifest import ManifestLine, bucket_stem, read_manifest
from shards.work.job import Job
from shards.work.ledger import read_bucket_index, read_bucket_ledger
from shards.work.plan import load_plan, store_plan
from shards.work.switch import stage_for, switch_bucket

FailedIds = Mapping[int, Collection[str]]
"""Ids that failed, by finished bucket."""


def failed_ids(folder: Path) -> FailedIds:
    """The failed rows of a set's finished buckets; buckets without any are left out."""
    ledgers = {bucket: read_bucket_ledger(folder, bucket) for bucket in read_manifest(folder)}
    failed = {bucket: {row.id for row in rows if row.outcome == "failed"} for bucket, rows in ledgers.items()}
    return {bucket: ids for bucket, ids in failed.items() if ids}


def retry(job: Job, buckets: Collection[int]) -> bool:
    """Run buckets again, beside what they are now; each takes its old self's place once it is done.

    Returns:
        Whether anything changed: a row succeeded, or failed for another reason.

    Raises:
        WorkError: If samples that were written would change or be lost; the set stays as it was.
    """
    stages = {bucket: stage_for(job.folder, bucket) for bucket in sorted(buckets)}
    for bucket, stage in stages.items():
        store_plan(stage, bucket, job.plan[bucket])
    n_changed = 0
    with contextlib.closing(job.run(stages)) as lines:
        for line in lines:
            n_changed += _replace(job.folder, stages[line.bucket], line)
    return n_changed > 0


def _replace(folder: Path, stage: Path, line: ManifestLine) -> bool:
    """Put a retried bucket in place if it differs; whether it did."""
    same_plan = load_plan(folder, line.bucket) == load_plan(stage, line.bucket)
    if same_plan and line == read_manifest(folder)[line.bucket]:
        shutil.rmtree(stage)
        return False
    before, now = (
        {row.key: [member.sha256 for member in row.members] for row in read_bucket_index(place, line.bucket)}
        for place in (folder, stage)
    )
    altered = sorted(key for key, members in before.items() if now.get(key) != members)
    if altered:
        place, found = f"{folder}, {bucket_stem(line.bucket)}", f"other bytes, or none, of {', '.join(altered[:5])}"
        remedy = "the set stays as it was; bring back what these samples were made from, and retry"
        raise WorkError(place, expected="a retry that keeps what was written", found=found, remedy=remedy)
    switch_bucket(folder, stage, line)
    return True
