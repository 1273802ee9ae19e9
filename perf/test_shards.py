"""Shards beside webdataset's own writer and reader, in the same run: 20,000 samples of 4 KB JSON and 50 KB media.

Run with `pytest perf/test_shards.py -s`; PERF_SHARDS_SAMPLES changes the number of samples.
"""

import hashlib
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import webdataset
from pytest_benchmark.fixture import BenchmarkFixture

from shards.card import write_card
from shards.codec import encode_sample
from shards.draft import Draft, HeldBytes
from shards.files import write_atomic
from shards.manifest import INDEX, ManifestLine, append_line, bucket_stem, index_parquet
from shards.reader import ShardSet, read_shard
from shards.sample import Image, Provenance, Sample, Text, Turn
from shards.writer import ShardSpec, write_shards

N_SAMPLES = int(os.environ.get("PERF_SHARDS_SAMPLES", "20000"))
N_MEDIA = 200
ROUNDS = 3
WORDS = "lorem ipsum dolor sit amet consectetur " * 22


def media() -> list[tuple[bytes, str]]:
    """Different bytes that begin like a JPEG, and their sha256, as probing would have found them."""
    contents = [b"\xff\xd8\xff" + os.urandom(50_000 - 3) for _ in range(N_MEDIA)]
    return [(content, hashlib.sha256(content).hexdigest()) for content in contents]


def drafts(pool: list[tuple[bytes, str]], n: int) -> Iterator[Draft]:
    """Dialogues about a picture, 4 KB of JSON each."""
    for number in range(n):
        content, sha256 = pool[number % len(pool)]
        member = f"perf-{number:08d}.0-0.jpg"
        origin = Provenance(source="perf", id=str(number), url="http://localhost/a.jpg", licence="CC0-1.0")
        picture = Image(member=member, sha256=sha256, width=640, height=480, caption="words", provenance=origin)
        turns = (
            Turn("human", (picture, Text(WORDS))),
            Turn("machine", (Text(WORDS),)),
            Turn("human", (Text("And?"),)),
            Turn("machine", (Text(WORDS),)),
        )
        sample = Sample(key=f"perf-{number:08d}", kind="mm_it", turns=turns, meta={"number": number})
        yield Draft(sample, {member: HeldBytes(content)})
