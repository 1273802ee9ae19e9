"""Shards beside webdataset's own writer and reader, in the same run: 20,000 samples of 4 KB JSON and 50 KB media.

Run with `pytest perf/test_shards.py -s`; PERF_SHARDS_SAMPLES changes the number of samples. Ratios are medians of
rounds that alternate between the two, so that a busy machine slows both.
"""

import gc
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
import webdataset
from pytest_benchmark.fixture import BenchmarkFixture

from shards import tar
from shards.card import write_card
from shards.codec import encode_sample
from shards.draft import Draft, HeldBytes
from shards.files import make_folder, write_atomic
from shards.indexes import croissant, energon, front_matter, wids
from shards.loader import begin, load
from shards.manifest import INDEX_ARROW_SCHEMA, ManifestLine, MemberRow, append_line, bucket_stem
from shards.reader import ShardSet, groups, read_archive
from shards.sample import Image, Provenance, Sample, Text, Turn
from shards.statistics import Statistics
from shards.work import Pipeline, build
from shards.work.ledger import rows_to_parquet
from shards.work.unit import store_index
from shards.writer import ShardSpec, index_row, write_archive, write_shards
from tests.factories import Word

N_SAMPLES = int(os.environ.get("PERF_SHARDS_SAMPLES", "20000"))
N_MEDIA = 200
ROUNDS = 5
WORDS = "lorem ipsum dolor sit amet consectetur " * 22
Pool = list[tuple[bytes, str]]


def media() -> Pool:
    """Different bytes that begin like a JPEG, and their sha256, as probing would have found them."""
    contents = [b"\xff\xd8\xff" + os.urandom(50_000 - 3) for _ in range(N_MEDIA)]
    return [(content, hashlib.sha256(content).hexdigest()) for content in contents]


def draft(pool: Pool, number: int) -> Draft:
    """A dialogue about a picture, 4 KB of JSON."""
    content, sha256 = pool[number % len(pool)]
    key = f"perf-{number:08d}"
    member = f"{key}.0-0.jpg"
    origin = Provenance(source="perf", id=str(number), url="http://localhost/a.jpg", licence="CC0-1.0")
    picture = Image(member=member, sha256=sha256, width=640, height=480, caption="words", provenance=origin)
    turns = (
        Turn("human", (picture, Text(WORDS))),
        Turn("machine", (Text(WORDS),)),
        Turn("human", (Text("And?"),)),
        Turn("machine", (Text(WORDS),)),
    )
    return Draft(Sample(key=key, kind="mm_it", turns=turns, meta={"number": number}), {member: HeldBytes(content)})


def drafts(pool: Pool, n: int) -> Iterator[Draft]:
    return (draft(pool, number) for number in range(n))


class Make:
    """The step of a build whose only cost is the writer's."""

    name, version = "make", 1

    def __init__(self, made: dict[str, Draft]) -> None:
        self._made = made

    def __call__(self, record: Word) -> Draft:
        return self._made[record.id]


class Times:
    """What each round took: seconds by the clock, and seconds of all cores together."""

    def __init__(self) -> None:
        self.wall_s: list[float] = []
        self.cpu_s: list[float] = []

    def take(self, work: Callable[[], object]) -> None:
        start_s, cpu_start_s = time.perf_counter(), time.process_time()
        work()
        self.wall_s.append(time.perf_counter() - start_s)
        self.cpu_s.append(time.process_time() - cpu_start_s)

    def clear(self) -> None:
        self.wall_s.clear()
        self.cpu_s.clear()


def seconds(work: Callable[[], object]) -> float:
    times = Times()
    times.take(work)
    return times.wall_s[0]


@pytest.fixture(scope="module")
def pool() -> Pool:
    return media()


@pytest.fixture(scope="module")
def made(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished set, and webdataset's own shards of the same samples in `theirs`."""
    folder = tmp_path_factory.mktemp("perf")
    write_ours(folder / "ours", {one.sample.key: one for one in drafts(pool, N_SAMPLES)})
    write_theirs(folder / "theirs", list(drafts(pool, N_SAMPLES)))
    return folder


def write_ours(folder: Path, made: dict[str, Draft]) -> None:
    """All that a build does after its steps: shards with fsync, hashes and read-back, ledger, and every index."""
    shutil.rmtree(folder, ignore_errors=True)
    records = [Word(key, "") for key in made]
    build(
        Pipeline(name="perf", settings={}, records=records, record_type=Word, steps=(Make(made),), n_buckets=2), folder
    )
    write_card(folder, title="Perf")


def write_shards_and_indexes(folder: Path, samples: Iterable[Draft]) -> None:
    """Shards with fsync, media and shard hashes and read-back; the index table; the indexes of all other readers."""
    shutil.rmtree(folder, ignore_errors=True)
    written = write_shards(folder, bucket_stem(0), samples, ShardSpec())
    n = len(written.rows)
    index_sha256 = store_index(folder, 0, written.rows)
    append_line(folder, ManifestLine(0, "", written.records, [], n, "", index_sha256))
    shard_set = ShardSet(folder)
    counts = {"x": n}
    figures = Statistics(
        pipeline="perf",
        writer=None,
        n_samples=n,
        n_shards=len(written.records),
        size_bytes=0,
        n_turns=0,
        n_words=0,
        hours=0.0,
        by_signature=counts,
        by_source=counts,
        by_licence=counts,
    )
    write_atomic(folder / "README.md", front_matter(shard_set).encode())
    write_atomic(folder / "wids.json", wids(shard_set, name="perf"))
    write_atomic(folder / "croissant.json", croissant(shard_set, figures, title="perf", notice=""))
    for name, content in energon(shard_set):
        make_folder((folder / name).parent)
        write_atomic(folder / name, content)


def write_theirs(folder: Path, samples: list[Draft]) -> None:
    """webdataset's ShardWriter as its users call it; it does not sync, hash, read back or index."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with webdataset.ShardWriter(str(folder / "shard-%06d.tar"), maxcount=10_000, verbose=0, mtime=0) as writer:
        for one in samples:
            (blob,) = one.blobs.values()
            writer.write({"__key__": one.sample.key, "json": encode_sample(one.sample), "0-0.jpg": blob.read()})


def write_theirs_durably(folder: Path, samples: list[Draft]) -> None:
    """The same, and each shard is carried to the disk, as a build that survives a power cut needs."""
    write_theirs(folder, samples)
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def test_writing(benchmark: BenchmarkFixture, pool: Pool, tmp_path: Path) -> None:
    made = {one.sample.key: one for one in drafts(pool, N_SAMPLES)}
    theirs, durable, shards, ours = Times(), Times(), Times(), Times()

    def one_round() -> None:
        theirs.take(lambda: write_theirs(tmp_path / "theirs", list(made.values())))
        shutil.rmtree(tmp_path / "theirs")
        durable.take(lambda: write_theirs_durably(tmp_path / "theirs", list(made.values())))
        shutil.rmtree(tmp_path / "theirs")
        shards.take(lambda: write_shards_and_indexes(tmp_path / "shards", made.values()))
        shutil.rmtree(tmp_path / "shards")
        ours.take(lambda: write_ours(tmp_path / "ours", made))

    timed(benchmark, one_round, rounds=ROUNDS)
    tell(benchmark, "writing shards and indexes", shards, theirs)
    tell(benchmark, "writing shards and indexes, webdataset synced too", shards, durable)
    tell(benchmark, "a whole build with its books", ours, theirs)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # webdataset leaves its files to the garbage collector
def test_sequential_reading(benchmark: BenchmarkFixture, made: Path) -> None:
    ours, tars = ShardSet(made / "ours"), sorted(map(str, (made / "theirs").glob("*.tar")))
    members, drafts, loader, theirs = Times(), Times(), Times(), Times()

    def fields() -> int:
        """Keys and bytes, as webdataset gives them."""
        n = 0
        for record in ours.shards:
            view = memoryview(ours.content(record.name))
            for _, members in groups(view, place=""):
                n += len({one.name: bytes(view[one.offset : one.offset + one.size_bytes]) for one in members}) // 2
        return n

    def one_round() -> None:
        theirs.take(lambda: sum(1 for _ in webdataset.WebDataset(tars, shardshuffle=False)))
        members.take(fields)
        drafts.take(lambda: sum(1 for _ in ours))
        position = begin(made / "ours", shuffle=False)
        loader.take(lambda: sum(1 for _ in load(made / "ours", position)))

    one_round()
    for times in (members, drafts, loader, theirs):
        times.clear()
    timed(benchmark, one_round, rounds=ROUNDS)
    gc.collect()
    tell(benchmark, "reading members", members, theirs)
    tell(benchmark, "reading samples", drafts, theirs)
    tell(benchmark, "reading through the loader", loader, theirs)


def test_random_access_by_key(benchmark: BenchmarkFixture, made: Path) -> None:
    shard_set = ShardSet(made / "ours")
    opening_s = seconds(lambda: shard_set.get("perf-00000000"))
    keys = iter([f"perf-{number * 7919 % N_SAMPLES:08d}" for number in range(2000)] * 50)

    times_s: list[float] = []

    def get() -> None:
        found = shard_set.get(next(keys))
        for blob in found.blobs.values():
            blob.read()

    timed(benchmark, lambda: times_s.append(seconds(get)), rounds=2000)
    median_ms = statistics.median(times_s) * 1000
    benchmark.extra_info.update(median_ms=median_ms, opening_ms=opening_s * 1000)
    print(f"\nby key: median {median_ms:.3f} ms, opening the set {opening_s * 1000:.0f} ms")


def test_costs_of_the_parts(benchmark: BenchmarkFixture, pool: Pool, tmp_path: Path) -> None:
    """Microseconds a sample of each thing that a shard's writing is made of."""

    n = 500
    some = list(drafts(pool, n))
    encoded = [encode_sample(one.sample) for one in some]
    contents = [pool[number % N_MEDIA][0] for number in range(n)]
    buffer = BytesIO()
    rows = write_archive(buffer, some)
    archive = buffer.getvalue()
    members = [MemberRow("a", 0, 1, "")] * 2
    parts: dict[str, Callable[[], object]] = {
        "encode JSON": lambda: [encode_sample(one.sample) for one in some],
        "tar headers": lambda: [tar.header("perf-00000000.0-0.jpg", 50_000) for _ in range(2 * n)],
        "index row": lambda: [index_row(one.sample, "x", list(one.sample.media()), members) for one in some],
        "index as Parquet": lambda: rows_to_parquet(rows, INDEX_ARROW_SCHEMA),
        "sha256 of media": lambda: [hashlib.sha256(content).hexdigest() for content in contents],
        "sha256 of the shard": lambda: hashlib.sha256(archive).hexdigest(),
        "sha256 of JSON": lambda: [hashlib.sha256(content).hexdigest() for content in encoded],
        "find members": lambda: list(tar.members(archive, place="")),
        "decode samples": lambda: list(read_archive(archive, place="")),
        "write and sync": lambda: write_atomic(tmp_path / "x", archive),
    }
    costs = {name: min(seconds(part) for _ in range(5)) / n * 1e6 for name, part in parts.items()}
    timed(benchmark, lambda: None, rounds=1)
    benchmark.extra_info.update(microseconds_a_sample=costs)
    print("\n" + "\n".join(f"{name:24} {cost:7.1f} us a sample" for name, cost in costs.items()))


PEAK = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from perf.test_shards import drafts, media
from shards.reader import read_shard
from shards.writer import ShardSpec, write_shards

peak_kib = 0

def watched(items):
    global peak_kib
    for number, item in enumerate(items):
        if number % 100 == 0:
            lines = Path("/proc/self/status").read_text().splitlines()
            peak_kib = max(peak_kib, *(int(line.split()[1]) for line in lines if line.startswith("RssAnon")))
        yield item

folder, n = Path(sys.argv[2]), int(sys.argv[3])
written = write_shards(folder, "x", watched(drafts(media(), n)), ShardSpec(max_samples=500))
assert sum(1 for record in written.records for _ in watched(read_shard(folder / record.name))) == n
print(peak_kib // 1024)
"""


def test_memory_is_flat(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Peak memory of its own of a process that writes and reads n samples, and 16 n."""
    small = N_SAMPLES // 16
    peaks_mib = {}
    for n in (small, 16 * small):
        arguments = [sys.executable, "-c", PEAK, str(Path(__file__).parents[1]), str(tmp_path / str(n)), str(n)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        peaks_mib[str(n)] = int(done.stdout)
        shutil.rmtree(tmp_path / str(n))
    timed(benchmark, lambda: None, rounds=1)
    benchmark.extra_info.update(peak_mib=peaks_mib)
    print(f"\npeak memory by samples: {peaks_mib} MiB")


def timed(benchmark: BenchmarkFixture, work: Callable[[], object], *, rounds: int) -> None:
    benchmark.pedantic(work, rounds=rounds)  # type: ignore[no-untyped-call]


def tell(benchmark: BenchmarkFixture, what: str, ours: Times, theirs: Times) -> None:
    """Print and keep samples a second of both, the ratio of their medians and of their best rounds, and core time."""
    rates = [N_SAMPLES / statistics.median(times.wall_s) for times in (ours, theirs)]
    cpu_us = [statistics.median(times.cpu_s) / N_SAMPLES * 1e6 for times in (ours, theirs)]
    ratio, best = rates[0] / rates[1], min(theirs.wall_s) / min(ours.wall_s)
    benchmark.extra_info[what] = {"ours": rates[0], "webdataset": rates[1], "ratio": ratio, "best": best, "cpu": cpu_us}
    print(f"\n{what}: {rates[0]:,.0f} samples/s, webdataset {rates[1]:,.0f}: {ratio:.2f} times, best {best:.2f}")
    print(f"core time: {cpu_us[0]:.0f} us a sample, webdataset {cpu_us[1]:.0f}")
