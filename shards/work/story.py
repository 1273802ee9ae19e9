"""One sample's story, in sentences: from its source to its place in a shard."""

from collections.abc import Iterator
from pathlib import Path

from shards.draft import Draft, FileBytes
from shards.reader import ShardSet
from shards.sample import Provenance
from shards.work.ledger import LedgerRow, read_ledger


def tell(folder: Path, name: str) -> list[str]:
    """The story of the input or key called `name`; empty if the set knows neither.

    Raises:
        ShardsError: If the set's books cannot be read.
    """
    shard_set = ShardSet(folder)
    rows = [row for row in read_ledger(folder) if name in (row.id, row.key)]
    return [line for row in rows for line in _row_story(shard_set, row)]


def _row_story(shard_set: ShardSet, row: LedgerRow) -> Iterator[str]:
    made = "was made by a step" if row.created else "came from the source"
    yield f"{row.id} {made}."
    if row.outcome == "written":
        yield from _sample_story(shard_set.get(row.key))
    elif row.outcome == "merged":
        yield f"It was merged into {row.key} at step {row.step}: {_why(row)}."
    else:
        retry = " A retry could succeed." if row.outcome == "failed" else ""
        yield f"It was {row.outcome} at step {row.step}: {_why(row)}.{retry}"


def _why(row: LedgerRow) -> str:
    return f"{row.reason} ({row.detail})" if row.detail else row.reason


def _sample_story(draft: Draft) -> Iterator[str]:
    sample = draft.sample
    yield f"It was written as {sample.key}, a {sample.kind} sample of {len(sample.turns)} turns ({sample.signature()})."
    for part in sample.media():
        blob = draft.blobs[part.member]
        where = f" at {blob.path}, byte {blob.offset}" if isinstance(blob, FileBytes) else ""
        yield f"Its {part.member} has sha256 {part.sha256}{where}; {_origin(part.provenance)}."
    for turn in sample.turns:
        yield f"{turn.role}: {turn.text}"


def _origin(provenance: Provenance) -> str:
    if provenance.generator is not None:
        return f"made by {provenance.generator} {provenance.revision or ''}".rstrip()
    licence = provenance.licence or "unknown licence"
    return f"found in {provenance.source or 'an unknown source'} as {provenance.id} ({licence})"
