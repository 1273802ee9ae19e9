"""Shards in: one after the other for passes, by key through the index for looking up."""

import bisect
import functools
import itertools
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shards import tar
from shards.codec import decode_sample
from shards.draft import Blob, Draft, FileBytes, HeldBytes, UrlBytes
from shards.errors import ShardError, told_as
from shards.manifest import (
    INDEX,
    INDEX_ARROW_SCHEMA,
    MANIFEST,
    ManifestLine,
    ShardRecord,
    bucket_stem,
    parse_manifest,
    read_manifest,
)
from shards.mapped import map_path
from shards.remote import fetch, fetch_all, is_url


class ShardSet:
    """A folder that `shards.work` or `write_shards` filled, opened for reading; here, or behind a URL of fsspec's.

    Raises:
        ShardError: If the folder holds no manifest.
        MediaError: If the URL cannot be read.
    """

    def __init__(self, folder: Path | str) -> None:
        self._url = str(folder).rstrip("/") if is_url(folder) else None
        self._folder = Path(folder)
        if self._url is None:
            lines = read_manifest(self._folder)
        else:
            place = posixpath.join(self._url, MANIFEST)
            lines = parse_manifest(fetch(place), place=place)
        self.lines: list[ManifestLine] = [line for _, line in sorted(lines.items())]

    @property
    def folder(self) -> Path:
        """Where the set lies on this machine.

        Raises:
            ShardError: If it lies behind a URL.
        """
        if self._url is not None:
            raise ShardError(self._url, expected="a folder on this machine", found="a URL", remedy="download the set")
        return self._folder

    @property
    def place(self) -> str:
        """Folder or URL, as text."""
        return self._url or str(self._folder)

    @property
    def shards(self) -> list[ShardRecord]:
        """The shards in reading order."""
        return [record for line in self.lines for record in line.shards]

    def __len__(self) -> int:
        return sum(line.n_written for line in self.lines)

    def __iter__(self) -> Iterator[Draft]:
        """All samples with their media, shard by shard."""
        for record in self.shards:
            yield from read_archive(self.content(record.name), place=record.name)

    def content(self, name: str) -> bytes | memoryview:
        """The bytes of a shard: mapped from the disk, or fetched."""
        return map_path(self._folder / name) if self._url is None else fetch(posixpath.join(self._url, name))

    @functools.cached_property
    def index(self) -> pa.Table:
        """One row a sample (`manifest.IndexRow`), sorted by key.

        Raises:
            ShardError: If an index cannot be read.
        """
        names = [f"{INDEX}/{bucket_stem(line.bucket)}.parquet" for line in self.lines]
        with told_as((OSError, pa.ArrowException), ShardError, f"{self.place}/{INDEX}", expected="readable indexes"):
            here = (pa.OSFile(str(self._folder / name)) for name in names)
            files = here if self._url is None else map(_arrow_file, fetch_all(self._url, names))
            tables = [pq.read_table(file, schema=INDEX_ARROW_SCHEMA) for file in files]
        joined = pa.concat_tables(tables) if tables else INDEX_ARROW_SCHEMA.empty_table()
        return joined.sort_by("key").combine_chunks()

    def get(self, key: str) -> Draft:
        """One sample by key; its media are references into the shard.

        Raises:
            ShardError: If the set has no such key.
        """
        row = self._find(key)
        shard: str = self.index["shard"][row].as_py()
        members: list[dict[str, Any]] = self.index["members"][row].as_py()
        blobs = {member["name"]: self._blob(shard, member["offset"], member["size_bytes"]) for member in members}
        content = blobs.pop(f"{key}.json").read()
        return Draft(sample=decode_sample(content, place=f"{self.place}/{shard}, {key}.json"), blobs=blobs)

    @functools.cached_property
    def _keys(self) -> pa.StringArray:
        return self.index["key"].combine_chunks()

    def _find(self, key: str) -> int:
        """The key's row, by halving; keys are sorted by their bytes, as Python sorts ASCII."""
        row = bisect.bisect_left(self._keys, key, key=pa.StringScalar.as_py)
        if row == len(self._keys) or self._keys[row].as_py() != key:
            raise ShardError(self.place, expected=f"sample {key}", found="no such key")
        return row

    def _blob(self, shard: str, offset: int, size_bytes: int) -> Blob:
        if self._url is None:
            return FileBytes(str(self._folder / shard), offset, size_bytes)
        return UrlBytes(posixpath.join(self._url, shard), offset, size_bytes)


def _arrow_file(content: bytes) -> pa.BufferReader:
    """The bytes in Arrow's own memory, since its threads may let go of Python's only when the interpreter is gone."""
    memory = pa.BufferOutputStream()
    memory.write(content)
    return pa.BufferReader(memory.getvalue())


def read_shard(path: Path) -> Iterator[Draft]:
    """The samples of one tar with their media bytes.

    Raises:
        ShardError: If the tar is damaged, or a sample lacks its JSON or a member.
    """
    return read_archive(map_path(path), place=str(path))


def read_archive(content: bytes | memoryview, *, place: str) -> Iterator[Draft]:
    """The samples of a tar in memory; see `read_shard`."""
    for key, members in groups(content, place=place):
        yield draft_of(key, members, content, place=place)


def groups(content: bytes | memoryview, *, place: str) -> Iterator[tuple[str, list[tar.Member]]]:
    """Each sample's key and members, as they stand in a tar.

    Raises:
        ShardError: If the tar is damaged.
    """
    for key, group in itertools.groupby(tar.members(content, place=place), key=key_of):
        yield key, list(group)


def key_of(member: tar.Member) -> str:
    """The key of the sample that a member belongs to."""
    return member.name.partition(".")[0]


def draft_of(key: str, members: list[tar.Member], content: bytes | memoryview, *, place: str) -> Draft:
    """The sample whose members were found in `content`, with its media bytes.

    Raises:
        ShardError: If it lacks its JSON, or a member, or has one too many.
        SampleError: If its JSON is not what `shards.codec` writes.
    """
    own_name = f"{key}.json"
    found = {member.name: content[member.offset : member.offset + member.size_bytes] for member in members}
    encoded = found.pop(own_name, None)
    if encoded is None:
        raise ShardError(f"{place}, sample {key}", expected=f"member {own_name}", found=", ".join(sorted(found)))
    sample = decode_sample(encoded, place=f"{place}, {own_name}")
    named = {part.member for part in sample.media()}
    if named != found.keys():
        raise ShardError(
            f"{place}, sample {key}",
            expected=f"members {', '.join(sorted(named)) or 'none'}",
            found=", ".join(sorted(found)) or "none",
        )
    return Draft(sample=sample, blobs={name: HeldBytes(bytes(media)) for name, media in found.items()})


def held(draft: Draft) -> dict[str, bytes]:
    """The draft's media bytes by member name, read now."""
    return {name: blob.read() for name, blob in draft.blobs.items()}
