"""What is wrong inside one tar: its structure, the names of its members, and the samples that they form."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from shards import tar
from shards.codec import decode_sample
from shards.errors import MediaError, SampleError, ShardError
from shards.imu import imu_shape
from shards.keys import is_key
from shards.manifest import IndexRow, MemberRow
from shards.media import KIND_BY_EXTENSION, sniff
from shards.sample import SAMPLE_SCHEMA, Imu, Sample
from shards.writer import index_row


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong, and where."""

    place: str
    problem: str


class Found(msgspec.Struct):
    """What a pass over a tar met: keys in order, a row for each sample that could be read; of a foreign tar, fields."""

    keys: list[str] = msgspec.field(default_factory=list)
    rows: dict[str, IndexRow] = msgspec.field(default_factory=dict)
    fields: set[str] = msgspec.field(default_factory=set)


_HUGGING_FACE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("cls", "cls2", "id", "index", "inx"), "parses as an integer"),
    **dict.fromkeys(("cbor", "mp", "msg", "npz", "pth", "tb", "ten"), "parses"),
    **dict.fromkeys(("bufr", "eps", "fit", "fits", "grib", "h5", "hdf", "mpeg", "mpg", "ps"), "takes for a picture"),
    **dict.fromkeys(("bz2", "gz", "gzip", "lz4", "xz", "zst"), "unpacks without a word"),
    **dict.fromkeys(("pickle", "pkl", "pyd"), "leaves as bytes, and webdataset unpickles"),
}
_ALIASES: Final[Mapping[str, str]] = {"jpeg": "jpg", "m4v": "mp4", "mov": "mp4", "oga": "ogg"}


class _Content(msgspec.Struct, frozen=True):
    """A member's bytes, and where they begin in the tar."""

    offset: int
    view: memoryview


_Group = dict[str, _Content]


def archive_faults(content: memoryview, place: str, found: Found, *, is_ours: bool) -> Iterator[Fault]:
    """Faults of one archive.

    Args:
        content: Its bytes.
        place: Its name, for the faults.
        found: Receives what was met.
        is_ours: Whether it must be as `shards.writer` makes them, or only such that all readers agree on it.
    """
    key, group = "", _Group()
    names, keys = set[str](), set[str]()
    try:
        for entry in tar.survey(content, place=place):
            if isinstance(entry, tar.Oddity):
                yield Fault(f"{place}, byte {entry.offset}", f"expected {entry.expected}, found {entry.found}")
                continue
            if entry.name in names:
                yield Fault(f"{place}, {entry.name}", "stands twice in the shard")
            names.add(entry.name)
            stem = _stem(entry.name)
            if stem != key or not group:
                yield from _group_faults(key, group, place, found, is_ours)
                if stem in keys:
                    yield Fault(f"{place}, {entry.name}", "its sample's members do not stand together")
                keys.add(stem)
                found.keys.append(stem)
                key, group = stem, _Group()
            group[entry.name] = _Content(entry.offset, content[entry.offset : entry.offset + entry.size_bytes])
    except ShardError as error:
        yield Fault(error.place, f"expected {error.expected}, found {error.found}")
    yield from _group_faults(key, group, place, found, is_ours)


def _stem(name: str) -> str:
    """The key as readers see it: folders, and the base name up to its first dot."""
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.partition(".")[0]


def _group_faults(key: str, group: _Group, place: str, found: Found, is_ours: bool) -> Iterator[Fault]:
    """Faults of one sample's members: names, JSON, media bytes."""
    if not group:
        return
    where, content = f"{place}, sample {key}", group.get(f"{key}.json")
    if not is_ours:
        yield from _foreign_faults(key, group, where)
        if content is None or SAMPLE_SCHEMA.encode() not in bytes(content.view):  # a set of ours tells its columns
            yield from _column_faults(key, group, where, found)
        return
    if not is_key(key):
        yield Fault(where, "has a key outside a-z, 0-9, _ and -, or beyond 60 characters")
    if content is None:
        yield Fault(where, f"has no {key}.json")
        return
    try:
        sample = decode_sample(content.view, place=f"{place}, {key}.json")
    except SampleError as error:
        yield Fault(error.place, f"expected {error.expected}, found {error.found}")
        return
    if sample.key != key:
        yield Fault(where, f"calls itself {sample.key}")
    found.rows[key] = _row(sample, group, place)
    yield from _media_faults(sample, group, where)


def _row(sample: Sample, group: _Group, place: str) -> IndexRow:
    """The row that the index must have for a sample which lies like this."""
    hashes = {part.member: part.sha256 for part in sample.media()}
    own_name = f"{sample.key}.json"
    hashes |= {own_name: hashlib.sha256(group[own_name].view).hexdigest()} if own_name in group else {}
    members = [
        MemberRow(name, content.offset, len(content.view), hashes.get(name, ""))
        for name, content in sorted(group.items())
    ]
    return index_row(sample, place, list(sample.media()), members)


def _media_faults(sample: Sample, group: _Group, where: str) -> Iterator[Fault]:
    media = {part.member: part for part in sample.media()}
    for name in sorted(media.keys() - group.keys()):
        yield Fault(where, f"names {name}, which is missing")
    for name in sorted(group.keys() - media.keys() - {f"{sample.key}.json"}):
        yield Fault(where, f"holds {name}, which no part names")
    for name in sorted(media.keys() & group.keys()):
        yield from _field_faults(name, group[name].view, where)
        if hashlib.sha256(group[name].view).hexdigest() != media[name].sha256:
            yield Fault(f"{where}, {name}", "does not have the sha256 that the sample states")
        part = media[name]
        if isinstance(part, Imu):
            yield from _imu_faults(part, group[name].view, f"{where}, {name}")


def _imu_faults(part: Imu, content: memoryview, where: str) -> Iterator[Fault]:
    try:
        _, n_axes = imu_shape(content)
    except MediaError as error:
        yield Fault(where, f"expected {error.expected}, found {error.found}")
        return
    if n_axes != len(part.axes):
        yield Fault(where, f"holds {n_axes} axes, the sample names {len(part.axes)}")


def _foreign_faults(key: str, group: _Group, where: str) -> Iterator[Fault]:
    """What readers disagree about in a sample that another tool wrote."""
    if key.rpartition("/")[2].startswith("__"):
        yield Fault(where, "has a key that begins with __, which readers skip")
    for name, content in group.items():
        if "." not in name.rpartition("/")[2]:
            yield Fault(f"{where}, {name}", "has no field, so that readers skip it")
            continue
        yield from _field_faults(name, content.view, where)
        prefix, dot, _ = name[len(key) + 1 :].rpartition(".")
        if dot and not prefix.replace("-", "").isdigit():
            field = name[len(key) + 1 :]
            yield Fault(f"{where}, {name}", f"has a dot in its key: readers see the field {field} of sample {key}")


def _column_faults(key: str, group: _Group, where: str, found: Found) -> Iterator[Fault]:
    """Hugging Face's loader takes a tar's columns from its first five samples, which must agree."""
    fields = {name[len(key) + 1 :] for name in group}
    known, found.fields = found.fields or fields, found.fields | fields
    if len(found.keys) <= 5 and fields != known:
        yield Fault(where, "has other fields than those before it, so that Hugging Face datasets refuses the tar")
    elif new := sorted(fields - known):
        yield Fault(where, f"is the first with {', '.join(new)}, too late for Hugging Face datasets, which drops it")


def _field_faults(name: str, content: memoryview, where: str) -> Iterator[Fault]:
    """Faults of a field's name, and of bytes that are not what it says."""
    place, kind = f"{where}, {name}", name.rpartition(".")[2].lower()
    field = name.rpartition("/")[2].partition(".")[2]
    if field != field.lower():
        yield Fault(place, "has upper case in its field, which some readers lower and others keep")
    if kind in _HUGGING_FACE:
        yield Fault(place, f"has a field that Hugging Face datasets {_HUGGING_FACE[kind]}")
    stated = _ALIASES.get(kind, kind)
    held = sniff(bytes(content[:64]))
    if (stated in KIND_BY_EXTENSION or stated == "npy" or held is not None) and held != stated:
        yield Fault(place, f"holds {held or 'unknown'} bytes")
