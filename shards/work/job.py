"""What `build` is given, and a build at work in a locked folder."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from shards.manifest import ManifestLine
from shards.tombstones import Tombstone
from shards.work.chain import Step
from shards.work.engine import run_units
from shards.work.lock import FolderLock
from shards.work.plan import Plan, Record
from shards.work.unit import Unit
from shards.writer import ShardSpec


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


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A build at work: its pipeline, the set's folder with the lock held, today's plan, what was taken down."""

    pipeline: Pipeline
    folder: Path
    plan: Plan
    tombstones: Mapping[str, Tombstone]
    workers: int
    lock: FolderLock

    def run(self, places: Mapping[int, Path]) -> Generator[ManifestLine, None, None]:
        """Run buckets, each in the folder where its plan lies and its files shall go; their lines as they are done."""
        taken = {key: stone.reason for key, stone in self.tombstones.items()}
        units = [
            Unit(
                folder=str(place),
                bucket=bucket,
                steps=self.pipeline.steps,
                record_type=self.pipeline.record_type,
                spec=self.pipeline.spec,
                seed=self.pipeline.seed,
                taken=taken,
            )
            for bucket, place in places.items()
        ]
        return run_units(units, workers=self.workers, lock=self.lock)
