"""What a set's files say about its shards: the manifest, one line a finished bucket, and the index of its samples."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec
import pyarrow as pa

from shards.errors import ShardError, told_as
from shards.files import append_durably

MANIFEST_SCHEMA: Final = "anymodal.manifest/1"
MANIFEST = "manifest.jsonl"
SHARDS, INDEX, LEDGER = "shards", "index", "ledger"
SWITCH = ".work/switch.json"
"""While it is there, a bucket's files are being replaced (`shards.work.switch`)."""


class ShardRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finished shard: its file below the set's folder, and what must be found in it."""

    name: str
    size_bytes: int
    sha256: str
    n_samples: int
    signatures: Mapping[str, int]


class StepCounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one step did with the items that reached it."""

    step: str
    n_in: int
    n_created: int
    n_dropped: int
    n_failed: int
    n_merged: int

    @property
    def n_left(self) -> int:
        """How many go on to the next step."""
        return self.n_in + self.n_created - self.n_dropped - self.n_failed - self.n_merged


class ManifestLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finished bucket: its shards, and the ledger and index that became durable before this line."""

    bucket: int
    plan_sha256: str
    shards: Sequence[ShardRecord]
    steps: Sequence[StepCounts]
    n_written: int
    ledger_sha256: str
    index_sha256: str
    schema: Literal["anymodal.manifest/1"] = MANIFEST_SCHEMA


class MemberRow(msgspec.Struct, frozen=True, gc=False):
    """A sample's member in its shard; `offset` is where the content starts."""

    name: str
    offset: int
    size_bytes: int
    sha256: str


class IndexRow(msgspec.Struct, frozen=True, gc=False):
    """Where a sample lies, and the facts by which sets are filtered and counted."""

    key: str
    shard: str
    kind: str
    signature: str
    source: str
    licence: str
    n_turns: int
    n_words: int
    duration_s: float
    members: Sequence[MemberRow]


_MEMBER = pa.struct(
    [("name", pa.string()), ("offset", pa.int64()), ("size_bytes", pa.int64()), ("sha256", pa.string())]
)
INDEX_ARROW_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("key", "shard", "kind", "signature", "source", "licence")),
        ("n_turns", pa.int32()),
        ("n_words", pa.int32()),
        ("duration_s", pa.float64()),
        ("members", pa.list_(_MEMBER)),
    ],
    metadata={"schema": "anymodal.index/1"},
)


def bucket_stem(bucket: int) -> str:
    """The name that a bucket's ledger, index and shards begin with."""
    return f"bucket-{bucket:05d}"


def shard_name(stem: str, signature: str, number: int) -> str:
    """A shard's path below the set's folder; `*-SIGNATURE-*.tar`, with _ for +, finds all of one signature."""
    return f"{SHARDS}/{stem}-{signature.replace('+', '_')}-{number:03d}.tar"


def read_manifest(folder: Path) -> dict[int, ManifestLine]:
    """The finished buckets of a set.

    A last line without its line end is a write that was cut off: it is left out, and `append_line` removes it.

    Raises:
        ShardError: If the folder has no manifest or a complete line of it cannot be read, or its files are just
            being replaced.
    """
    path = folder / MANIFEST
    if (folder / SWITCH).exists():
        remedy = "if nobody is at work, start the build or the takedown again: it is carried to its end"
        raise ShardError(str(folder), expected="a set at rest", found="a change that is not finished", remedy=remedy)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ShardError(str(folder), expected=f"a shard set with {MANIFEST}", found="no such file") from error
    return parse_manifest(content, place=str(path))


def parse_manifest(content: bytes, *, place: str) -> dict[int, ManifestLine]:
    """The finished buckets that a manifest's bytes list; see `read_manifest`."""
    raws = content[: content.rfind(b"\n") + 1].splitlines()
    lines = {line.bucket: line for line in (_decode(place, number, raw) for number, raw in enumerate(raws, 1))}
    if len(lines) != len(raws):
        raise ShardError(place, expected="one line a bucket", found=f"{len(raws)} lines of {len(lines)} buckets")
    return lines


def append_line(folder: Path, line: ManifestLine) -> None:
    """Add a finished bucket, durably, in place of a torn last line if there is one."""
    append_durably(folder / MANIFEST, encode_line(line))


def encode_line(line: ManifestLine) -> bytes:
    """A manifest line as it stands in the file."""
    return msgspec.json.encode(line, order="sorted") + b"\n"


def _decode(place: str, number: int, raw: bytes) -> ManifestLine:
    with told_as(msgspec.MsgspecError, ShardError, f"{place}, line {number}", expected="a manifest line"):
        return msgspec.json.decode(raw, type=ManifestLine)
