"""Samples as JSON: canonical, fully populated, strict on the way back, as the published schema says."""

import json
import math
from collections.abc import Callable
from importlib import resources
from typing import Any

import jsonschema
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.codec import decode_sample, encode_sample, sample_schema
from shards.errors import SampleError
from shards.sample import (
    Answers,
    Audio,
    Boxes,
    Choices,
    HumanAnswer,
    Image,
    Imu,
    Label,
    Provenance,
    References,
    Sample,
    Text,
    Turn,
    Video,
)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True)
finite = st.floats(0, 1e9, allow_nan=False)
whole = st.integers(0, 2**31)
origins = st.builds(Provenance, source=st.none() | words, id=st.none() | words, seed=st.none() | whole)
captions = st.none() | words
parts = st.one_of(
    st.builds(Text, words),
    st.builds(Image, member=names, sha256=names, width=whole, height=whole, caption=captions, provenance=origins),
    st.builds(Audio, member=names, sha256=names, duration_s=finite, sample_rate_hz=whole, channels=whole),
    st.builds(
        Video,
        member=names,
        sha256=names,
        width=whole,
        height=whole,
        duration_s=finite,
        fps=finite,
        has_audio=st.booleans(),
    ),
    st.builds(
        Imu,
        member=names,
        sha256=names,
        duration_s=finite,
        rate_hz=finite,
        axes=st.tuples(words, words),
        units=st.tuples(words, words),
    ),
)
truths = st.one_of(
    st.none(),
    st.builds(Answers, st.tuples(st.builds(HumanAnswer, words, words, whole)), words, words),
    st.builds(References, st.tuples(words, words)),
    st.builds(Boxes, st.tuples(st.tuples(finite, finite, finite, finite))),
    st.builds(Choices, st.tuples(words, words), st.integers(0, 1)),
    st.builds(Label, words),
)
turns = st.builds(Turn, st.sampled_from(["human", "machine"]), st.lists(parts, max_size=3).map(tuple))
samples = st.builds(
    Sample,
    key=names,
    kind=st.sampled_from(["t2m", "mosit", "vqa", "caption"]),
    turns=st.lists(turns, max_size=3).map(tuple),
    truth=truths,
    meta=st.dictionaries(words, st.none() | words | st.integers(-(2**53), 2**53) | st.booleans(), max_size=3),
)

SCHEMA = jsonschema.Draft202012Validator(sample_schema())
SOUND = Audio(member="a.0-0.wav", sha256="00", duration_s=1.0, sample_rate_hz=8000, channels=1)
FILM = Video(member="a.0-0.mp4", sha256="00", width=3, height=2, duration_s=1.0, fps=8.0, has_audio=False)
WINDOW = Imu(member="a.0-0.npy", sha256="00", duration_s=1.0, rate_hz=8.0, axes=("x",), units=("g",))
PICTURE = Image(member="a.0-0.png", sha256="00", width=3, height=2)
SAMPLE = Sample(key="a", kind="vqa", turns=(Turn("human", (PICTURE, Text("what?"))),), truth=References(("x",)))


@settings(deadline=None)
@given(samples)
def test_what_was_written_is_read(sample: Sample) -> None:
    assert decode_sample(encode_sample(sample), place="here") == sample


@settings(deadline=None)
@given(samples)
def test_json_fits_the_published_schema(sample: Sample) -> None:
    SCHEMA.validate(json.loads(encode_sample(sample)))


def test_published_schema_is_the_codes() -> None:
    published = json.loads(resources.files("shards").joinpath("sample.schema.json").read_bytes())
    assert published == sample_schema()


def test_json_is_canonical() -> None:
    content = encode_sample(SAMPLE)
    assert (
        content == json.dumps(json.loads(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )


def test_every_part_has_every_field() -> None:
    picture, text = json.loads(encode_sample(SAMPLE))["turns"][0]["parts"]
    assert picture.keys() == text.keys()
    assert {"fps", "sample_rate_hz", "axes", "text", "caption"} <= picture.keys()


def changed(**fields: Any) -> bytes:
    wire = json.loads(encode_sample(SAMPLE))
    wire.update(fields)
    return json.dumps(wire).encode()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (changed(schema="anymodal.sample/99"), "anymodal.sample/99"),
        (changed(colour="red"), "colour"),
        (changed(kind="poem"), "poem"),
        (changed(turns=[{"role": "human", "parts": [{"type": "image", "member": "a", "fps": 3.0}]}]), "fps"),
        (changed(turns=[{"role": "human", "parts": [{"type": "smell"}]}]), "smell"),
        (changed(turns=3), "turns"),
        (changed(truth={"type": "label", "label": "a", "correct": 1}), "correct"),
        (b"{", "truncated"),
        (b'{"key": "\xff"}', "JSON"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(content: bytes, told: str) -> None:
    with pytest.raises(SampleError, match=told) as caught:
        decode_sample(content, place="shard-7.tar, a.json")
    assert caught.value.place == "shard-7.tar, a.json"


LOST = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("number", LOST)
@pytest.mark.parametrize(
    "change",
    [
        lambda number: {"truth": Boxes(((0.0, 0.0, 1.0, 1.0), (0.0, 0.0, number, 1.0)))},
        lambda number: {"truth": Boxes(((-number, 0.0, number, 1.0),))},
        lambda number: {"meta": {"a": 1, "b": "x", "score": number}},
        lambda number: {"turns": (Turn("human", (msgspec.structs.replace(SOUND, duration_s=number),)),)},
        lambda number: {"turns": (Turn("human", (msgspec.structs.replace(FILM, duration_s=number),)),)},
        lambda number: {"turns": (Turn("human", (msgspec.structs.replace(FILM, fps=number),)),)},
        lambda number: {"turns": (Turn("human", (msgspec.structs.replace(WINDOW, duration_s=number),)),)},
        lambda number: {"turns": (Turn("human", (msgspec.structs.replace(WINDOW, rate_hz=number),)),)},
    ],
)
def test_a_number_that_json_has_not_is_refused(change: Callable[[float], dict[str, Any]], number: float) -> None:
    """It would be written as null, and not be read back."""
    sample = msgspec.structs.replace(SAMPLE, **change(1.5))
    assert decode_sample(encode_sample(sample), place="here") == sample
    with pytest.raises(SampleError, match=r"sample a: expected .*finite numbers, found .*(nan|inf)"):
        encode_sample(msgspec.structs.replace(SAMPLE, **change(number)))


def test_a_value_that_json_has_not_is_refused_with_its_sample() -> None:
    for value in (np.float64(1), [1.0], {"a": 1}, {1}, b"a"):
        with pytest.raises(SampleError, match=r"sample a: expected .*, found meta \{'score'"):
            encode_sample(msgspec.structs.replace(SAMPLE, meta={"score": value}))


def test_a_lone_surrogate_is_refused() -> None:
    sample = msgspec.structs.replace(SAMPLE, turns=(Turn("human", (Text("\ud800"),)),))
    with pytest.raises(SampleError, match="surrogate"):
        encode_sample(sample)
