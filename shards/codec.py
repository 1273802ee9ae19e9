"""Samples as canonical JSON, and back.

The JSON is fully populated: every part carries the fields of all part types, null where they do not apply, so that
readers which infer columns from the first samples (Hugging Face datasets, DuckDB) see one fixed structure.
Names are sorted, there is no white space, and equal samples have equal bytes.
"""

import inspect
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Optional, Union, get_args

import msgspec

from shards.errors import SampleError
from shards.sample import (
    SAMPLE_SCHEMA,
    Answers,
    Audio,
    Boxes,
    Choices,
    Image,
    Imu,
    Kind,
    Label,
    References,
    Role,
    Sample,
    Scalar,
    Text,
    Turn,
    Video,
)

_PARTS: dict[str, type[msgspec.Struct]] = {"text": Text, "image": Image, "audio": Audio, "video": Video, "imu": Imu}
_TRUTHS: dict[str, type[msgspec.Struct]] = {
    "answers": Answers,
    "references": References,
    "boxes": Boxes,
    "choices": Choices,
    "label": Label,
}


def _union(types: Iterable[type[msgspec.Struct]]) -> dict[str, None]:
    return dict.fromkeys(sorted({field for kind in types for field in kind.__struct_fields__}))


_EMPTY_PART = _union(_PARTS.values())
_EMPTY_TRUTH = _union(_TRUTHS.values())
PART_FIELDS, TRUTH_FIELDS = tuple(_EMPTY_PART), tuple(_EMPTY_TRUTH)
"""The fields that every part, and every truth, has in JSON beside its type."""


def _padded(tag: str, kind: type[msgspec.Struct], padding: Mapping[str, None]) -> type[msgspec.Struct]:
    """`kind` as its JSON is: its own fields, and those of its siblings, which may only be null."""
    own = [
        (field.name, field.type) if field.required else (field.name, field.type, field.default)
        for field in msgspec.structs.fields(kind)
    ]
    foreign = [(name, None, None) for name in padding if name not in kind.__struct_fields__]
    return msgspec.defstruct(
        f"Padded{kind.__name__}", [*own, *foreign], tag=tag, frozen=True, gc=False, forbid_unknown_fields=True
    )


_PADDED = {
    kind: _padded(tag, kind, padding)
    for types, padding in ((_PARTS, _EMPTY_PART), (_TRUTHS, _EMPTY_TRUTH))
    for tag, kind in types.items()
}
_GETTERS = {
    kind: operator.attrgetter(*fields) if len(fields) > 1 else (lambda plain, name=fields[0]: (getattr(plain, name),))
    for kind, fields in ((kind, kind.__struct_fields__) for kind in _PADDED)
}
# finite if all fractions of a part or a truth are; JSON has no other numbers, and msgspec would write null
_TOTALS: Mapping[type[msgspec.Struct], Callable[[Any], float]] = {
    Audio: operator.attrgetter("duration_s"),
    Video: lambda film: film.duration_s + film.fps,
    Imu: lambda window: window.duration_s + window.rate_hz,
    Boxes: lambda truth: sum(map(sum, truth.boxes_xyxy_px)),
}
_PLAIN = {padded: kind for kind, padded in _PADDED.items()}


class _WireTurn(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    role: Role
    parts: tuple[Union[tuple(_PADDED[kind] for kind in _PARTS.values())], ...]  # type: ignore[valid-type]  # noqa: UP007


class _WireSample(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    key: str
    kind: Kind
    turns: tuple[_WireTurn, ...]
    truth: Optional[Union[tuple(_PADDED[kind] for kind in _TRUTHS.values())]] = None  # type: ignore[valid-type]  # noqa: UP007, UP045
    meta: Mapping[str, Scalar] = {}
    schema: Literal["anymodal.sample/1"]


_SCALARS = {*get_args(Scalar)}
_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(_WireSample)


def encode_sample(sample: Sample) -> bytes:
    """The sample as canonical JSON (UTF-8, no trailing newline).

    Raises:
        SampleError: If a text holds a lone surrogate, which UTF-8 cannot carry, a number is not finite, or a value is
            of another type than its field's.
    """
    try:
        for value in sample.meta.values():
            if type(value) not in _SCALARS or (type(value) is float and not math.isfinite(value)):
                raise ValueError(f"meta {sample.meta}")
        return _encoder.encode(
            _WireSample(
                key=sample.key,
                kind=sample.kind,
                turns=tuple([_WireTurn(turn.role, tuple(map(_pad, turn.parts))) for turn in sample.turns]),
                truth=None if sample.truth is None else _pad(sample.truth),
                meta=sample.meta,
                schema=SAMPLE_SCHEMA,
            )
        )
    except (TypeError, ValueError) as error:
        expected = "text in UTF-8 and finite numbers"
        raise SampleError(f"sample {sample.key}", expected=expected, found=str(error)) from error


def _pad(plain: msgspec.Struct) -> msgspec.Struct:
    kind = type(plain)
    if kind in _TOTALS and not math.isfinite(_TOTALS[kind](plain)):
        raise ValueError(f"{plain}")
    return _PADDED[kind](*_GETTERS[kind](plain))


def _unpad(padded: msgspec.Struct) -> Any:
    kind = _PLAIN[type(padded)]
    if kind is Text:  # the most frequent one, and the only one of a single field and position
        return Text(padded.text)  # type: ignore[attr-defined]
    return kind(**dict(zip(kind.__struct_fields__, _GETTERS[kind](padded), strict=True)))


def decode_sample(content: bytes | memoryview, *, place: str) -> Sample:
    """The sample in `content`.

    Args:
        content: JSON as `encode_sample` writes it, of this or an older schema version.
        place: Shard and member, for the error message.

    Raises:
        SampleError: If the JSON is broken, or holds unknown fields or an unknown version.
    """
    try:
        wire = _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        problem = SampleError(place, expected="a sample's JSON", found=str(error))
        raise _version_error(content, place) or problem from error
    return Sample(
        key=wire.key,
        kind=wire.kind,
        turns=tuple([Turn(turn.role, tuple(map(_unpad, turn.parts))) for turn in wire.turns]),
        truth=None if wire.truth is None else _unpad(wire.truth),
        meta=wire.meta,
    )


def _version_error(content: bytes | memoryview, place: str) -> SampleError | None:
    """What to say of JSON of another version than ours, whatever else is new in it."""
    try:
        version = msgspec.json.decode(content, type=dict[str, Any]).get("schema")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if version == SAMPLE_SCHEMA:
        return None
    remedy = "a newer anymodal may have written it"
    return SampleError(place, expected=f"schema {SAMPLE_SCHEMA}", found=f"schema {version!r}", remedy=remedy)


def sample_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the JSON that `encode_sample` writes; published as `shards/sample.schema.json`."""
    schema = msgspec.json.schema(Sample)
    definitions = schema["$defs"]
    for types, padding in ((_PARTS, _EMPTY_PART), (_TRUTHS, _EMPTY_TRUTH)):
        for kind in types.values():
            properties = definitions[kind.__name__]["properties"]
            for name in padding:
                properties.setdefault(name, {"type": "null"})
    sample = definitions["Sample"]
    sample["description"] = inspect.cleandoc(sample["description"])  # Python 3.13 does so by itself
    sample["properties"]["schema"] = {"const": SAMPLE_SCHEMA}
    sample["required"] = [*sample["required"], "schema"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SAMPLE_SCHEMA, **schema}
