"""Hugging Face datasets: configurations and features, as the front matter of a card states them.

Without stated features the loader infers columns from the first five samples of the first tar, and drops whatever
comes later without a word.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from shards.codec import PART_FIELDS, TRUTH_FIELDS
from shards.reader import ShardSet
from shards.sample import Provenance

ALL: Final = "all"
Feature = Mapping[str, Any]

_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("width", "height", "sample_rate_hz", "channels", "seed", "correct", "answer_id"), "int64"),
    **dict.fromkeys(("duration_s", "fps", "rate_hz"), "float64"),
    "has_audio": "bool",
}
_LISTS: Mapping[str, Any] = {
    **dict.fromkeys(("axes", "units", "texts", "options"), "string"),
    "boxes_xyxy_px": {"list": "float64"},
    "answers": [
        {"name": name, "dtype": _TYPES.get(name, "string")} for name in ("answer", "answer_confidence", "answer_id")
    ],
}


def front_matter(shard_set: ShardSet) -> str:
    """YAML (written as JSON, which it contains) with one configuration for each modality signature, and `all`.

    Media are binary columns named like their members, such as `1-0.png`; `.npy` windows are lists, since the loader
    always parses them. A column that a sample lacks is null.
    """
    fields = _fields(shard_set.index)
    paths = {signature: f"shards/*-{signature.replace('+', '_')}-*.tar" for signature in sorted(fields)}
    everything = sorted({field for names in fields.values() for field in names})
    configurations = [_configuration(ALL, "shards/*.tar", everything)]
    configurations += [_configuration(name, path, sorted(fields[name])) for name, path in paths.items()]
    configs, infos = zip(*configurations, strict=True)
    return f"---\nconfigs: {_lines(configs)}\ndataset_info: {_lines(infos)}\n---\n"


def _configuration(name: str, path: str, fields: Iterable[str]) -> tuple[Feature, Feature]:
    config = {"config_name": name, "data_files": [{"split": "train", "path": path}]}
    return config | ({"default": True} if name == ALL else {}), {"config_name": name, "features": _features(fields)}


def _lines(entries: Iterable[Feature]) -> str:
    return "[\n" + ",\n".join(f"  {json.dumps(entry)}" for entry in entries) + "\n]"


def _features(fields: Iterable[str]) -> list[Feature]:
    media = [
        {"name": field, "list": {"list": "float64"}} if field.endswith(".npy") else {"name": field, "dtype": "binary"}
        for field in fields
        if field != "json"
    ]
    return [_feature("__key__"), _feature("__url__"), {"name": "json", "struct": _sample_features()}, *media]


def _sample_features() -> list[Feature]:
    """The columns of a sample's JSON as `shards.codec` writes it."""
    parts = [_feature(name) for name in ("type", *PART_FIELDS)]
    truth = [_feature(name) for name in ("type", *TRUTH_FIELDS)]
    return [
        *map(_feature, ("key", "kind")),
        {"name": "meta", "dtype": "json"},
        _feature("schema"),
        {"name": "truth", "struct": truth},
        {"name": "turns", "list": [_feature("role"), {"name": "parts", "list": parts}]},
    ]


def _feature(name: str) -> Feature:
    if name == "provenance":
        return {"name": name, "struct": [_feature(field) for field in Provenance.__struct_fields__]}
    if name in _LISTS:
        return {"name": name, "list": _LISTS[name]}
    return {"name": name, "dtype": _TYPES.get(name, "string")}


def _fields(index: pa.Table) -> dict[str, list[str]]:
    """The names of the fields that samples have, by modality signature."""
    members = index["members"].combine_chunks()
    if not len(members):
        return {}
    names = pc.replace_substring_regex(pc.struct_field(pc.list_flatten(members), "name"), r"^[^.]*\.", "")
    signatures = pc.take(index["signature"], pc.list_parent_indices(members))
    pairs = pa.table({"signature": signatures, "field": names}).group_by(["signature", "field"]).aggregate([])
    fields: dict[str, list[str]] = {}
    for pair in pairs.to_pylist():
        fields.setdefault(pair["signature"], []).append(pair["field"])
    return fields
