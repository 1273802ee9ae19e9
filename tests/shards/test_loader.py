"""The loader reads every sample once, over all ranks and workers, and goes on exactly where it stopped."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch.utils.data
import webdataset

from shards.errors import ShardError, ShardsError, UsageError
from shards.loader import Loaded, Position, Progress, Skip, begin, load, share
from shards.manifest import SHARDS, ShardRecord
from shards.order import EpochOrder, EpochReader, Shuffle
from shards.reader import ShardSet, held
from tests.shards.sets import make_set

N = 41
GOLDEN = [(1, 1), (2, 1), (2, 2), (1, 0), (2, 0), (2, 3), (0, 2), (0, 1), (0, 0)]
"""Shard and place of an epoch of three shards, as the first version read it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("loader") / "set"
    make_set(out, N, words=("p", "s", "ps", ""), max_samples=4)
    return out


def workers(pipeline: Any, n_workers: int) -> Any:
    return torch.utils.data.DataLoader(pipeline, batch_size=None, num_workers=n_workers)


def keys(loaded: Any) -> list[str]:
    return [one.draft.sample.key for one in loaded]


def test_it_is_a_datapipeline_of_whole_samples(folder: Path) -> None:
    pipeline = load(folder, begin(folder, shuffle=False))
    assert isinstance(pipeline, webdataset.DataPipeline)
    found = [(one.draft.sample, held(one.draft)) for one in pipeline]
    assert found == [(draft.sample, held(draft)) for draft in ShardSet(folder)]


@pytest.mark.parametrize("n_workers", [0, 2])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_every_sample_once_over_ranks_and_workers(folder: Path, world_size: int, n_workers: int) -> None:
    expected = Counter(draft.sample.key for draft in ShardSet(folder))
    positions = [begin(folder, seed=5, rank=rank, world_size=world_size) for rank in range(world_size)]
    shares = [keys(workers(load(folder, position), n_workers)) for position in positions]
    assert Counter(itertools.chain.from_iterable(shares)) == expected
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert [position.n_rest for position in positions] == [len(one) for one in shares]


def test_order_follows_seed_and_epoch_and_mixes_shards(folder: Path) -> None:
    one, same, other, later = (
        keys(load(folder, begin(folder, seed=seed, epoch=epoch))) for seed, epoch in ((1, 0), (1, 0), (2, 0), (1, 1))
    )
    assert one == same
    assert sorted(one) == sorted(other) == sorted(later)
    assert len({tuple(one), tuple(other), tuple(later)}) == 3
    shards = {row["key"]: row["shard"] for row in ShardSet(folder).index.select(["key", "shard"]).to_pylist()}
    assert sum(shards[a] != shards[b] for a, b in itertools.pairwise(one)) > N // 2


def test_the_order_never_changes() -> None:
    """Written down once: positions of older runs must mean the same samples in every version."""
    shards = [ShardRecord(f"shards/{name}.tar", 1, "", n, {}) for name, n in (("a", 3), ("b", 2), ("c", 4))]
    order = EpochOrder(shards, Shuffle(seed=7, window=2), 3)
    found = [order.locate(number) for number in range(9)]
    assert sorted(found) == [(shard, place) for shard, n in enumerate((3, 2, 4)) for place in range(n)]
    assert found == GOLDEN


@pytest.mark.parametrize("n_workers", [0, 2])
def test_resuming_after_any_sample_gives_exactly_the_rest(folder: Path, n_workers: int) -> None:
    start = begin(folder, seed=1, rank=1, world_size=2)
    whole = list(load(folder, start))
    for n_taken in range(len(whole) + 1) if n_workers == 0 else (0, 1, 7, len(whole)):
        progress = Progress(start)
        taken = [progress.take(one) for one in itertools.islice(workers(load(folder, start), n_workers), n_taken)]
        saved = msgspec.json.decode(msgspec.json.encode(progress.position), type=Position)
        rest = keys(workers(load(folder, saved), n_workers))
        assert Counter(rest) + Counter(draft.sample.key for draft in taken) == Counter(keys(whole))
        assert len(rest) == saved.n_rest == len(whole) - n_taken
        if n_workers == 0:
            assert [draft.sample.key for draft in taken] + rest == keys(whole)


def test_another_number_of_ranks_and_workers_reads_the_rest(folder: Path) -> None:
    taken: list[str] = []
    saved = []
    for rank, n_taken in enumerate((3, 5, 0)):
        progress = Progress(begin(folder, seed=1, rank=rank, world_size=3))
        stream = itertools.islice(load(folder, begin(folder, seed=1, rank=rank, world_size=3)), n_taken)
        taken += [progress.take(one).sample.key for one in stream]
        saved.append(progress.position)
    rest = [keys(workers(load(folder, share(saved, rank=rank, world_size=2)), n_workers=rank * 2)) for rank in range(2)]
    assert Counter(taken) + Counter(rest[0]) + Counter(rest[1]) == Counter(d.sample.key for d in ShardSet(folder))
    assert abs(len(rest[0]) - len(rest[1])) <= 1


def test_positions_of_other_sets_and_missing_ranks_are_refused(folder: Path, tmp_path: Path) -> None:
    make_set(tmp_path / "other", 3)
    with pytest.raises(UsageError, match="expected the set"):
        load(tmp_path / "other", begin(folder))
    with pytest.raises(UsageError, match="one of each of 2 ranks"):
        share([begin(folder, rank=1, world_size=2)], rank=0, world_size=1)
    with pytest.raises(UsageError, match="0 to 1"):
        begin(folder, rank=2, world_size=2)


@pytest.fixture
def damaged(tmp_path: Path) -> tuple[Path, int]:
    """A set of which one shard is cut in its third sample, and how many samples that costs."""
    make_set(tmp_path, 20, words=("p",), max_samples=5, n_buckets=1)
    path = tmp_path / SHARDS / "bucket-00000-image-001.tar"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return tmp_path, 3


def test_damage_stops_by_default_after_what_was_whole(damaged: tuple[Path, int]) -> None:
    folder, n_lost = damaged
    loaded = iter(load(folder, begin(folder, shuffle=False)))
    assert len(list(itertools.islice(loaded, 5 + 5 - n_lost))) == 5 + 5 - n_lost
    with pytest.raises(ShardError, match=r"image-001\.tar, byte"):
        next(loaded)


@pytest.mark.parametrize("n_workers", [0, 2])
def test_skips_are_counted_with_their_reasons(damaged: tuple[Path, int], n_workers: int) -> None:
    folder, n_lost = damaged
    start = begin(folder, seed=3)
    progress = Progress(start)
    for one in workers(load(folder, start, on_error=Skip(max_share=0.5)), n_workers):
        progress.take(one)
    assert len(progress.skipped) == n_lost
    assert progress.reasons.total() == n_lost
    assert all("image-001.tar" in reason for reason in progress.reasons)
    assert progress.position.n_rest == 0


def test_skipping_too_many_is_an_error(damaged: tuple[Path, int]) -> None:
    folder, _ = damaged
    with pytest.raises(ShardError, match=r"at most 0\.1 of 20 samples skipped, found 3"):
        list(load(folder, begin(folder), on_error=Skip(max_share=0.1)))
    with pytest.raises(UsageError, match="0 to 1"):
        Skip(max_share=2)


def test_skips_at_the_very_end_are_told(damaged: tuple[Path, int]) -> None:
    folder, n_lost = damaged
    position = msgspec.structs.replace(begin(folder, shuffle=False), rest=((5, 10),))
    *_, last = load(folder, position, on_error=Skip(max_share=1.0))
    assert isinstance(last, Loaded)
    assert [one.number for one in last.skipped] == [7, 8, 9]
    assert len(last.skipped) == n_lost


@pytest.mark.parametrize("n_workers", [0, 2])
def test_a_share_of_which_nothing_can_be_read_is_an_error(tmp_path: Path, n_workers: int) -> None:
    """There is no sample that could tell what was skipped."""
    make_set(tmp_path, 20, words=("p",), max_samples=5, n_buckets=1)
    shards = sorted((tmp_path / SHARDS).iterdir())
    for path in shards[:2] if n_workers else shards:  # all that the first worker reads
        path.write_bytes(b"")
    pipeline = load(tmp_path, begin(tmp_path, shuffle=False), on_error=Skip(max_share=1.0))
    with pytest.raises((ShardError, RuntimeError), match=rf"{20 // (n_workers or 1)} samples.*one that can be read"):
        list(workers(pipeline, n_workers))


def test_a_shard_that_is_gone_costs_its_samples(damaged: tuple[Path, int]) -> None:
    folder, _ = damaged
    (folder / SHARDS / "bucket-00000-image-001.tar").unlink()
    reader = EpochReader(ShardSet(folder), Shuffle(window=0))
    assert reader.read(epoch=0, number=0).sample.key
    with pytest.raises(ShardsError, match="readable shard"):
        reader.read(epoch=0, number=5)
