"""Is a set what its manifest says, byte for byte? Finds what readers hide."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from shards import tar
from shards.codec import decode_sample
from shards.errors import SampleError, ShardError
from shards.keys import is_key
from shards.manifest import INDEX, LEDGER, SHARDS, ManifestLine, ShardRecord, bucket_stem
from shards.media import sniff
from shards.reader import ShardSet
from shards.sample import Imu, Sample


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong, and where."""

    place: str
    problem: str


Progress = Callable[[int, int], None]


def verify(folder: Path, *, progress: Progress | None = None) -> list[Fault]:
    """Read every byte of a set and list what is wrong with it; an empty list says that all is well.

    Args:
        folder: The set.
        progress: Told the number of shards read and of all shards.

    Raises:
        ShardError: If the folder has no readable manifest, so that there is nothing to compare with.
    """
    shard_set = ShardSet(folder)
    faults = list(_file_faults(shard_set))
    seen: Counter[str] = Counter()
    for number, record in enumerate(shard_set.shards, 1):
        faults.extend(_shard_faults(folder, record, seen))
        if progress is not None:
            progress(number, len(shard_set.shards))
    faults.extend(Fault(key, f"stands {count} times in the set") for key, count in seen.items() if count > 1)
    return faults


def _file_faults(shard_set: ShardSet) -> Iterator[Fault]:
    """Indexes and ledgers that are not what the manifest hashed, and shards that it does not know."""
    folder = shard_set.folder
    for line in shard_set.lines:
        for name, stated in _hashed_files(line):
            found = _sha256(folder / name)
            if found != stated:
                yield Fault(name, f"sha256 is {found}, the manifest says {stated}")
    known = {record.name for record in shard_set.shards}
    for path in sorted((folder / SHARDS).glob("*")):
        name = f"{SHARDS}/{path.name}"
        if name not in known:
            yield Fault(name, "is not in the manifest")


def _hashed_files(line: ManifestLine) -> tuple[tuple[str, str], tuple[str, str]]:
    file_name = f"{bucket_stem(line.bucket)}.parquet"
    return (f"{LEDGER}/{file_name}", line.ledger_sha256), (f"{INDEX}/{file_name}", line.index_sha256)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable ({error.strerror})"


def _shard_faults(folder: Path, record: ShardRecord, seen: Counter[str]) -> Iterator[Fault]:
    try:
        content = (folder / record.name).read_bytes()
    except OSError as error:
        yield Fault(record.name, f"cannot be read: {error.strerror}")
        return
    if len(content) != record.size_bytes:
        yield Fault(record.name, f"has {len(content)} bytes, the manifest says {record.size_bytes}")
    elif hashlib.sha256(content).hexdigest() != record.sha256:
        yield Fault(record.name, "does not have the sha256 of the manifest")
    keys: list[str] = []
    yield from _content_faults(memoryview(content), record.name, keys)
    if len(keys) != record.n_samples:
        yield Fault(record.name, f"holds {len(keys)} samples, the manifest says {record.n_samples}")
    seen.update(keys)


def _content_faults(content: memoryview, place: str, keys: list[str]) -> Iterator[Fault]:
    """Faults of the samples in one archive; `keys` receives the key of each group of members."""
    group: dict[str, bytes] = {}
    names: set[str] = set()
    try:
        for member in tar.members(content, place=place):
            if member.name in names:
                yield Fault(f"{place}, {member.name}", "stands twice in the shard")
            names.add(member.name)
            key = member.name.partition(".")[0]
            if not keys or key != keys[-1]:
                yield from _sample_faults(group, place)
                if key in keys:
                    yield Fault(f"{place}, {member.name}", "its sample's members do not stand together")
                keys.append(key)
                group = {}
            group[member.name] = bytes(content[member.offset : member.offset + member.size_bytes])
    except ShardError as error:
        yield Fault(error.place, f"expected {error.expected}, found {error.found}")
    yield from _sample_faults(group, place)


def _sample_faults(group: dict[str, bytes], place: str) -> Iterator[Fault]:
    """Faults of one sample's members: names, JSON, media bytes."""
    if not group:
        return
    key = next(iter(group)).partition(".")[0]
    where = f"{place}, sample {key}"
    if not is_key(key):
        yield Fault(where, "has a key outside a-z, 0-9, _ and -, or beyond 60 characters")
    content = group.get(f"{key}.json")
    if content is None:
        yield Fault(where, f"has no {key}.json")
        return
    try:
        sample = decode_sample(content, place=f"{place}, {key}.json")
    except SampleError as error:
        yield Fault(error.place, f"expected {error.expected}, found {error.found}")
        return
    if sample.key != key:
        yield Fault(where, f"calls itself {sample.key}")
    yield from _media_faults(sample, group, where)


def _media_faults(sample: Sample, group: dict[str, bytes], where: str) -> Iterator[Fault]:
    media = {part.member: part for part in sample.media()}
    for name in sorted(media.keys() - group.keys()):
        yield Fault(where, f"names {name}, which is missing")
    for name in sorted(group.keys() - media.keys() - {f"{sample.key}.json"}):
        yield Fault(where, f"holds {name}, which no part names")
    for name in sorted(media.keys() & group.keys()):
        if hashlib.sha256(group[name]).hexdigest() != media[name].sha256:
            yield Fault(f"{where}, {name}", "does not have the sha256 that the sample states")
        extension = name.rpartition(".")[2]
        found = sniff(group[name])
        if found != extension:
            yield Fault(f"{where}, {name}", f"holds {found or 'unknown'} bytes")
        if isinstance(media[name], Imu) and extension != "npy":
            yield Fault(f"{where}, {name}", "is an IMU window that is not .npy")
