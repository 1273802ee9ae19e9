"""Croissant 1.1: files and fields of a set as JSON-LD, which `mlcroissant` and search engines read."""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Final

import msgspec

from shards.manifest import ShardRecord
from shards.reader import ShardSet
from shards.statistics import Statistics

CROISSANT = "croissant.json"
_JSON_LD = Mapping[str, Any]

_EMPTY: Final[_JSON_LD] = msgspec.json.decode(resources.files(__package__).joinpath("croissant.json").read_bytes())
"""The description of a set without a name and shards: the terms of Croissant 1.1, and the fields of a sample."""


def croissant(shard_set: ShardSet, figures: Statistics, *, title: str, notice: str) -> bytes:
    """The content of `croissant.json`; contents are addressed relative to the file.

    Args:
        shard_set: The set.
        figures: Its figures; they name licences and sources.
        title: The set's name.
        notice: What a user must know first; empty if nothing.
    """
    licences = sorted({part for name in figures.by_licence for part in name.split("+") if part})
    described = {
        **_EMPTY,
        "name": title,
        "description": f"{notice} {figures.n_samples} samples made by the pipeline {figures.pipeline}.".strip(),
        "license": licences,
        "distribution": distribution(shard_set.shards),
    }
    if not licences:
        del described["license"]
    return msgspec.json.format(msgspec.json.encode(described), indent=1) + b"\n"


def distribution(shards: Sequence[ShardRecord]) -> list[_JSON_LD]:
    """The files that the description lists: every shard with its sha256, and the samples' JSON in all of them."""
    samples_json = {**_EMPTY["distribution"][0], "containedIn": [{"@id": record.name} for record in shards]}
    return [*map(_shard, shards), samples_json]


def _shard(record: ShardRecord) -> _JSON_LD:
    return {
        "@type": "cr:FileObject",
        "@id": record.name,
        "name": record.name,
        "contentUrl": record.name,
        "contentSize": f"{record.size_bytes} B",
        "encodingFormat": "application/x-tar",
        "sha256": record.sha256,
    }
