"""Small finished sets for the tests of readers."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from shards.draft import Draft, HeldBytes
from shards.imu import imu_part
from shards.sample import Sample, Text, Turn
from shards.work import Pipeline, build
from shards.writer import ShardSpec
from tests.factories import Word, media_draft, png, wav


def npy(n_readings: int = 10, n_axes: int = 6) -> bytes:
    """An IMU window that counts up."""
    buffer = io.BytesIO()
    np.save(buffer, np.arange(n_readings * n_axes, dtype=np.float32).reshape(n_readings, n_axes))
    return buffer.getvalue()


def imu_draft(key: str) -> Draft:
    """A sample about an IMU window."""
    window, member = npy(), f"{key}.0-1.npy"
    part = imu_part(
        window,
        rate_hz=10,
        axes=[f"a{number}" for number in range(6)],
        units=["m/s^2"] * 6,
        member=member,
        sha256=hashlib.sha256(window).hexdigest(),
    )
    turns = (Turn("human", (Text("what is done?"), part)), Turn("machine", (Text("walking"),)))
    return Draft(Sample(key=key, kind="mm_it", turns=turns, meta={"n": 1}), {member: HeldBytes(window)})


class Show:
    """The word says which media a sample has: p for a picture, s for a sound, i for an IMU window."""

    name, version = "show", 1

    def __call__(self, record: Word) -> Draft:
        if "i" in record.word:
            return imu_draft(f"key-{record.id}")
        picture = png(colour=f"#0000{int(record.id) % 256:02x}") if "p" in record.word else None
        sound = wav(level=int(record.id)) if "s" in record.word else None
        return media_draft(f"key-{record.id}", picture=picture, sound=sound, text=f"number {record.id}")


def make_set(
    folder: Path, n: int, *, words: Sequence[str] = ("p",), max_samples: int = 10_000, n_buckets: int = 2
) -> dict[str, Draft]:
    """Build a set of `n` samples, of each of the words in turn; the drafts by key."""
    records = [Word(f"{number:03d}", words[number % len(words)]) for number in range(n)]
    build(
        Pipeline(
            name="show",
            settings={},
            records=records,
            record_type=Word,
            steps=(Show(),),
            n_buckets=n_buckets,
            spec=ShardSpec(max_samples=max_samples),
        ),
        folder,
    )
    return {f"key-{record.id}": Show()(record) for record in records}


def fields(drafts: Mapping[str, Draft]) -> dict[str, dict[str, bytes]]:
    """Media bytes by key and field, as readers name them."""
    return {
        key: {name.partition(".")[2]: blob.read() for name, blob in draft.blobs.items()}
        for key, draft in drafts.items()
    }
