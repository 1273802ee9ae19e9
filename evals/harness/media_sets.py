"""Sets of media in folders and tars as sets of features; texts that belong to media."""

import csv
import hashlib
import io
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from evals.errors import EvalsError
from evals.metrics.feature_sets import FeatureSet, feature_set, joined
from model_adapter.embedders import Embedder, embed_all
from model_adapter.errors import ShortMediumError
from shards.draft import Blob, FileBytes, HeldBytes
from shards.errors import MediaError, told_as
from shards.media import MediaKind, MediaLimits, sniff

_EXTENSIONS: Final[Mapping[MediaKind, tuple[str, ...]]] = {
    "image": ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"),
    "audio": ("wav", "flac", "mp3", "ogg", "m4a", "aac", "aif", "aiff", "opus", "wma"),
    "video": ("mp4", "webm", "mkv", "mov", "avi", "m4v", "mpg", "mpeg", "wmv"),
}
"""Usual names, those of formats that cannot be read too, so that such files are counted."""

CAPTIONS_FORMAT: Final = 'a .csv with columns file,caption or a .jsonl with lines {"file": ..., "caption": ...}'


class Side(NamedTuple):
    """One side's features, and the sha256 of what they come from."""

    features: FeatureSet
    sha256: str


class Caption(msgspec.Struct, frozen=True):
    """A text, and the name of the medium that was made from it."""

    file: str
    caption: str


def kind_within(path: Path, kinds: Sequence[MediaKind]) -> MediaKind:
    """The first of the kinds of which a folder or tar holds a file; the first one where it holds none."""
    return next((kind for kind in kinds if next(_media(path, kind), None)), kinds[0])


def embed_media(path: Path, embedder: Embedder, kind: MediaKind, *, cache: Path | None = None) -> Side:
    """Features of all media of a kind in a folder or a tar; what cannot be decoded is unscored.

    Files of other kinds, such as the captions beside pictures, are no items. Where an embedder keeps windows apart
    (VGGish's seconds), an item has several rows; but those of a film are averaged.

    Raises:
        EvalsError: If there is no such medium that can be decoded.
    """
    rows, unscored, digests = [], Counter[str](), []
    for one in embed_all(embedder, kind, (blob for _, blob in _media(path, kind)), cache=cache):
        digests.append(one.sha256)
        if isinstance(one.rows, MediaError):
            unscored[_reason(one.rows)] += 1
        else:
            rows.append(one.rows.mean(axis=0, keepdims=True) if kind == "video" else one.rows)
    if not rows:
        found = f"{sum(unscored.values())} unreadable ones" if unscored else "none"
        raise EvalsError(str(path), expected=f"a folder or tar of {kind} files", found=found)
    return Side(joined(rows, unscored=unscored), _joint(sorted(digests)))


class Pairs(NamedTuple):
    """Features of media and of what belongs to each, row for row, and why media have none (their rows are nan)."""

    media: Side
    others: Side
    missing: dict[int, str]


def embed_pairs(
    path: Path, captions: Path, embedder: Embedder, kind: MediaKind, *, prefix: str = "", cache: Path | None = None
) -> Pairs:
    """Features of the media that captions name, and of the captions, which are the items.

    Args:
        path: Folder or tar of media.
        captions: Texts and the names of their media; see `read_captions`.
        embedder: Takes the kind and texts.
        kind: Of the media.
        prefix: Put before each text, as the protocol says.
        cache: See `embed_all`.

    Raises:
        EvalsError: If no named medium can be decoded, or the captions break their format.
    """
    named = read_captions(captions)
    media, missing = _embed_named(path, [one.file for one in named], embedder, kind, asked_by=captions, cache=cache)
    texts = [embedder.embed("text", (prefix + one.caption).encode()) for one in named]
    words = Side(feature_set(np.concatenate(texts)), hashlib.sha256(captions.read_bytes()).hexdigest())
    return Pairs(media, words, missing)


def embed_twins(path: Path, real: Path, embedder: Embedder, kind: MediaKind, *, cache: Path | None = None) -> Pairs:
    """Features of generated media and of the real ones of the same names, which are the items; one row a medium.

    Raises:
        EvalsError: If a generated medium has no real one, or none can be decoded.
    """
    names = [name for name, _ in _media(real, kind)]
    alone = sorted({name for name, _ in _media(path, kind)}.difference(names))
    if alone:
        raise EvalsError(
            str(path), expected=f"{kind} files named as in {real}", found=f"{len(alone)} others, such as {alone[0]}"
        )
    (features, sha256), missing = _embed_named(path, names, embedder, kind, asked_by=real, cache=cache)
    made = Side(feature_set(features.array.mean(axis=1)), sha256)
    return Pairs(made, embed_media(real, embedder, kind, cache=cache), missing)


def _embed_named(
    path: Path, names: Sequence[str], embedder: Embedder, kind: MediaKind, *, asked_by: Path, cache: Path | None
) -> tuple[Side, dict[int, str]]:
    """Features [n, windows, d] of the media of these names; why rows of nan have none."""
    known = dict(_media(path, kind))
    made = list(embed_all(embedder, kind, [known.get(name, HeldBytes(b"")) for name in names], cache=cache))
    missing = {
        number: _reason(one.rows) if names[number] in known else "missing_media"
        for number, one in enumerate(made)
        if isinstance(one.rows, MediaError)
    }
    found = [one.rows for one in made if not isinstance(one.rows, MediaError)]
    if not found:
        raise EvalsError(str(path), expected=f"{kind} files that {asked_by} names", found="none that can be read")
    blank = np.full_like(found[0], np.nan)
    rows = np.stack([blank if isinstance(one.rows, MediaError) else one.rows for one in made])  # [n, windows, d]
    return Side(replace(feature_set(rows), clusters=names), _joint(one.sha256 for one in made)), missing


def read_captions(path: Path) -> list[Caption]:
    """Texts by the names of their media: paths below the folder, or names in the tar.

    Raises:
        EvalsError: If it is no .csv with the columns file,caption, and no .jsonl of these fields, or names nothing.
    """
    try:
        content = path.read_bytes().decode("utf-8-sig")
        if path.suffix == ".csv":
            table = csv.DictReader(io.StringIO(content, newline=""), restkey="more", strict=True)
            rows = list(table)
            if any("more" in row for row in rows):
                raise csv.Error("a line with more columns than the header: quote texts that hold commas")
            found = [msgspec.convert(row, Caption) for row in rows]
        else:
            found = [msgspec.json.decode(line, type=Caption) for line in content.splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError, csv.Error, msgspec.DecodeError) as error:
        raise EvalsError(str(path), expected=CAPTIONS_FORMAT, found=f"{error!s:.200}") from error
    if not found:
        raise EvalsError(str(path), expected=CAPTIONS_FORMAT, found="no captions")
    return found


def _reason(error: MediaError) -> str:
    return "too_short" if isinstance(error, ShortMediumError) else "unreadable_media"


def _joint(digests: Iterable[str]) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _media(path: Path, kind: MediaKind) -> Iterator[tuple[str, Blob]]:
    """The files whose first bytes or whose names are of this kind; no bytes in place of one that is too large."""
    for name, blob in _files(path):
        start = msgspec.structs.replace(blob, size_bytes=min(64, blob.size_bytes or 0))
        if {sniff(start.read()), name.rpartition(".")[2].lower()}.intersection(_EXTENSIONS[kind]):
            yield name, blob if (blob.size_bytes or 0) <= MediaLimits().max_size_bytes else HeldBytes(b"")


def _files(path: Path) -> Iterator[tuple[str, FileBytes]]:
    if path.is_dir():
        for one in sorted(path.rglob("*")):
            if one.is_file():
                yield one.relative_to(path).as_posix(), FileBytes(str(one), 0, one.stat().st_size)
    else:
        yield from _members(path)


def _members(path: Path) -> Iterator[tuple[str, FileBytes]]:
    """What a tar of any dialect holds but folders; links and sparse files have no bytes, and so are unreadable."""
    faults = (tarfile.TarError, OSError, ValueError, OverflowError, MemoryError, RecursionError)
    told = told_as(faults, EvalsError, str(path), expected="a folder, or a whole tar of media that is not compressed")
    with told, path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
        for one in archive:
            if not one.offset < archive.offset <= path.stat().st_size:  # where the next one would begin
                raise tarfile.ReadError(f"{one.size} bytes stated for {one.name}")
            if not one.isdir():
                is_plain = one.isreg() and not one.issparse()
                yield one.name.removeprefix("./"), FileBytes(str(path), one.offset_data, one.size if is_plain else 0)
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # the library takes damage for the end
            raise tarfile.ReadError(f"neither a header nor the end at byte {archive.offset}")
