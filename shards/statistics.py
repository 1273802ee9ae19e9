"""What a set contains, in figures: counted from its index and ledger, not from its media."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from shards.reader import ShardSet
from shards.work import read_recipe

STATISTICS_SCHEMA: Final = "anymodal.statistics/1"


class Statistics(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Figures of a set; `by_*` count samples, `hours` is the playing time of sounds and films."""

    pipeline: str
    writer: str | None
    n_samples: int
    n_shards: int
    size_bytes: int
    n_turns: int
    n_words: int
    hours: float
    by_signature: Mapping[str, int]
    by_source: Mapping[str, int]
    by_licence: Mapping[str, int]
    schema: Literal["anymodal.statistics/1"] = STATISTICS_SCHEMA


def statistics(folder: Path) -> Statistics:
    """The figures of the set in `folder`.

    Raises:
        ShardsError: If its manifest, recipe or index cannot be read.
    """
    shard_set = ShardSet(folder)
    recipe = read_recipe(folder)
    index = shard_set.index
    writer = recipe.settings.get("writer")
    return Statistics(
        pipeline=recipe.pipeline,
        writer=None if writer is None else str(writer),
        n_samples=len(shard_set),
        n_shards=len(shard_set.shards),
        size_bytes=sum(record.size_bytes for record in shard_set.shards),
        n_turns=_sum(index["n_turns"]),
        n_words=_sum(index["n_words"]),
        hours=round(float(pc.sum(index["duration_s"], min_count=0).as_py()) / 3600, 6),
        by_signature=_counts(index["signature"]),
        by_source=_counts(index["source"]),
        by_licence=_counts(index["licence"]),
    )


def _sum(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column, min_count=0).as_py())


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return {row["values"]: row["counts"] for row in sorted(pc.value_counts(column).to_pylist(), key=str)}
