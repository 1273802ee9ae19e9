"""Shards in: one after the other for passes, by key through the index for looking up."""

import functools
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from shards import tar
from shards.codec import decode_sample
from shards.draft import Draft, FileBytes, HeldBytes
from shards.errors import ShardError
from shards.manifest import INDEX, INDEX_ARROW_SCHEMA, ManifestLine, ShardRecord, read_manifest


class ShardSet:
    """A folder that `shards.work` or `write_shards` filled, opened for reading.

    Raises:
        ShardError: If the folder holds no manifest.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[ManifestLine] = [line for _, line in sorted(read_manifest(folder).items())]

    @property
    def shards(self) -> list[ShardRecord]:
        """The shards in reading order."""
        return [record for line in self.lines for record in line.shards]

    def __len__(self) -> int:
        return sum(line.n_written for line in self.lines)

    def __iter__(self) -> Iterator[Draft]:
        """All samples with their media, shard by shard."""
        for record in self.shards:
            yield from read_shard(self.folder / record.name)

    @functools.cached_property
    def index(self) -> pa.Table:
        """One row a sample (`manifest.IndexRow`), sorted by key."""
        files = sorted(str(path) for path in (self.folder / INDEX).glob("*.parquet"))
        if not files:
            return INDEX_ARROW_SCHEMA.empty_table()
        return pads.dataset(files, schema=INDEX_ARROW_SCHEMA).to_table().sort_by("key")

    def get(self, key: str) -> Draft:
        """One sample by key; its media are references into the shard.

        Raises:
            ShardError: If the set has no such key.
        """
        row = pc.index(self.index["key"], pa.scalar(key)).as_py()
        if row < 0:
            raise ShardError(str(self.folder), expected=f"sample {key}", found="no such key")
        entry = self.index.slice(row, 1).to_pylist()[0]
        path = str(self.folder / entry["shard"])
        blobs = {member["name"]: FileBytes(path, member["offset"], member["size_bytes"]) for member in entry["members"]}
        content = blobs.pop(f"{key}.json").read()
        return Draft(sample=decode_sample(content, place=f"{path}, {key}.json"), blobs=blobs)


def read_shard(path: Path) -> Iterator[Draft]:
    """The samples of one tar with their media bytes.

    Raises:
        ShardError: If the tar is damaged, or a sample lacks its JSON or a member.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ShardError(str(path), expected="a readable shard", found=error.strerror or str(error)) from error
    return read_archive(content, place=str(path))


def read_archive(content: bytes, *, place: str) -> Iterator[Draft]:
    """The samples of a tar in memory; see `read_shard`."""
    view = memoryview(content)
    group: dict[str, bytes] = {}
    key = ""
    for member in tar.members(view, place=place):
        stem = member.name.partition(".")[0]
        if group and stem != key:
            yield _draft(key, group, place)
            group = {}
        key = stem
        group[member.name] = bytes(view[member.offset : member.offset + member.size_bytes])
    if group:
        yield _draft(key, group, place)


def _draft(key: str, group: dict[str, bytes], place: str) -> Draft:
    content = group.pop(f"{key}.json", None)
    if content is None:
        raise ShardError(f"{place}, sample {key}", expected=f"member {key}.json", found=", ".join(sorted(group)))
    sample = decode_sample(content, place=f"{place}, {key}.json")
    named = {part.member for part in sample.media()}
    if named != group.keys():
        found = ", ".join(sorted(group)) or "none"
        raise ShardError(
            f"{place}, sample {key}", expected=f"members {', '.join(sorted(named)) or 'none'}", found=found
        )
    return Draft(sample=sample, blobs={name: HeldBytes(media) for name, media in group.items()})


def held(draft: Draft) -> dict[str, bytes]:
    """The draft's media bytes by member name, read now."""
    return {name: blob.read() for name, blob in draft.blobs.items()}
