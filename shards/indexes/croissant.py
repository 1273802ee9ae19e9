"""Croissant 1.1: files and fields of a set as JSON-LD, which `mlcroissant` and search engines read."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from shards.manifest import ShardRecord
from shards.reader import ShardSet
from shards.statistics import Statistics

CROISSANT = "croissant.json"
_JSON_LD = Mapping[str, Any]

_TERMS = [
    "annotation",
    "arrayShape",
    "citeAs",
    "column",
    "containedIn",
    "equivalentProperty",
    "excludes",
    "extract",
    "field",
    "fileProperty",
    "fileObject",
    "fileSet",
    "format",
    "includes",
    "isArray",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
]
_CONTEXT: Final[_JSON_LD] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{term: f"cr:{term}" for term in _TERMS},
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
}
_KEY: Final[_JSON_LD] = {"extract": {"fileProperty": "filename"}, "transform": {"regex": r"^(.*)\.json$"}}
_CONTENT: Final[_JSON_LD] = {"extract": {"fileProperty": "content"}}
_FIELDS: Final = (
    ("key", _KEY, "Key of the sample; its media are the members KEY.<turn>-<part>.<extension>."),
    ("json", _CONTENT, "The sample as JSON: kind, turns of parts, truth, meta."),
)


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
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": title,
        "description": f"{notice} {figures.n_samples} samples made by the pipeline {figures.pipeline}.".strip(),
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        **({"license": licences} if licences else {}),
        "version": "1.0.0",
        "distribution": distribution(shard_set.shards),
        "recordSet": [_record_set()],
    }
    return msgspec.json.format(msgspec.json.encode(described), indent=1) + b"\n"


def distribution(shards: Sequence[ShardRecord]) -> list[_JSON_LD]:
    """The files that the description lists: every shard with its sha256, and the samples' JSON in all of them."""
    return [*map(_shard, shards), _samples_json(shards)]


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


def _samples_json(shards: Sequence[ShardRecord]) -> _JSON_LD:
    return {
        "@type": "cr:FileSet",
        "@id": "samples-json",
        "name": "samples-json",
        "containedIn": [{"@id": record.name} for record in shards],
        "encodingFormat": "application/json",
        "includes": "*.json",
    }


def _record_set() -> _JSON_LD:
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"samples/{name}",
            "name": name,
            "description": description,
            "dataType": "sc:Text",
            "source": {"fileSet": {"@id": "samples-json"}, **source},
        }
        for name, source, description in _FIELDS
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": "samples",
        "name": "samples",
        "key": {"@id": "samples/key"},
        "field": fields,
    }
