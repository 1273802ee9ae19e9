"""Mixtures hold their ratios at every prefix, through stops, ranks and workers."""

import itertools
from collections import Counter
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest
import torch.utils.data
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.errors import ShardError, UsageError
from shards.loader import Skip
from shards.mixture import MixturePosition, MixtureProgress, begin_mixture, load_mixture, picks
from shards.reader import ShardSet
from tests.shards.sets import make_set

WEIGHTS = {"a": 3, "b": 1, "c": 2}
SIZES = {"a": 7, "b": 5, "c": 4}
N_DRAWS = 60


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=7))
def test_counts_are_within_one_of_exact_at_every_prefix(weights: list[int]) -> None:
    order = picks(weights).tolist()
    counts: Counter[int] = Counter()
    for n, chosen in enumerate(order, 1):
        counts[chosen] += 1
        assert all(abs(counts[i] - Fraction(w * n, sum(weights))) <= 1 for i, w in enumerate(weights))
    assert [Fraction(counts[i], len(order)) for i in range(len(weights))] == [
        Fraction(w, sum(weights)) for w in weights
    ]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("mixture")
    for name, size in SIZES.items():
        make_set(root / name, size, max_samples=2)
    return {name: root / name for name in SIZES}


def names(loaded: object) -> list[tuple[int, str, int, str]]:
    return [(one.number, one.source, one.epoch, one.draft.sample.key) for one in loaded]  # type: ignore[attr-defined]


def test_ratios_and_epochs(folders: dict[str, Path]) -> None:
    found = names(load_mixture(folders, begin_mixture(folders, WEIGHTS, n_draws=N_DRAWS)))
    assert Counter(source for _, source, _, _ in found) == {"a": 30, "b": 10, "c": 20}
    for name, folder in folders.items():
        own = [(epoch, key) for _, source, epoch, key in found if source == name]
        every = sorted(draft.sample.key for draft in ShardSet(folder))
        epochs = [[key for epoch, key in own if epoch == e] for e in range(own[-1][0] + 1)]
        assert [epoch for epoch, _ in own] == sorted(epoch for epoch, _ in own)
        assert all(sorted(keys) == every for keys in epochs[:-1])
        assert set(epochs[-1]) <= set(every)
    orders = [[key for _, source, e, key in found if (source, e) == ("a", epoch)] for epoch in (0, 1, 2)]
    assert len(set(map(tuple, orders))) > 1


@pytest.mark.parametrize("n_workers", [0, 2])
@pytest.mark.parametrize("world_size", [1, 3])
def test_ranks_and_workers_share_the_same_stream(folders: dict[str, Path], world_size: int, n_workers: int) -> None:
    whole = names(load_mixture(folders, begin_mixture(folders, WEIGHTS, n_draws=N_DRAWS)))
    for rank in range(world_size):
        position = begin_mixture(folders, WEIGHTS, n_draws=N_DRAWS, rank=rank, world_size=world_size)
        loader = torch.utils.data.DataLoader(load_mixture(folders, position), batch_size=None, num_workers=n_workers)
        assert names(loader) == whole[rank::world_size]


@pytest.mark.parametrize(("n_workers", "batch"), [(0, None), (2, None), (2, 3)])
def test_resuming_gives_exactly_the_rest(folders: dict[str, Path], n_workers: int, batch: int | None) -> None:
    start = begin_mixture(folders, WEIGHTS, n_draws=N_DRAWS, rank=1, world_size=2)
    whole = names(load_mixture(folders, start))
    for n_steps in (0, 1, 4):
        progress = MixtureProgress(start)
        loader = torch.utils.data.DataLoader(
            load_mixture(folders, start), batch_size=batch, num_workers=n_workers, collate_fn=list if batch else None
        )
        steps = itertools.islice(loader, n_steps)
        taken = [one for step in steps for one in (step if batch else [step])]
        for one in taken:
            progress.take(one)
        saved = msgspec.json.decode(msgspec.json.encode(progress.position), type=MixturePosition)
        assert sorted(names(taken) + names(load_mixture(folders, saved))) == whole


def test_what_does_not_fit_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    for weights in ({"a": 1}, {"a": 1, "b": 0, "c": 1}, {}):
        with pytest.raises(UsageError, match="weight of at least 1"):
            begin_mixture(folders, weights, n_draws=3)
    with pytest.raises(UsageError, match="round the weights"):
        begin_mixture(folders, {"a": 99_999, "b": 1, "c": 100_000}, n_draws=3)
    make_set(tmp_path, 2)
    with pytest.raises(UsageError, match="the sets"):
        load_mixture({**folders, "a": tmp_path}, begin_mixture(folders, WEIGHTS, n_draws=3))


def test_skips_are_counted(folders: dict[str, Path], tmp_path: Path) -> None:
    make_set(tmp_path, 4, max_samples=2, n_buckets=1)
    sets = {**folders, "a": tmp_path}
    position = begin_mixture(sets, WEIGHTS, n_draws=12)
    lost = "shards/bucket-00000-image-001.tar"
    lost_keys = {row["key"] for row in ShardSet(tmp_path).index.to_pylist() if row["shard"] == lost}
    whole = names(load_mixture(sets, position))
    (tmp_path / lost).unlink()
    progress = MixtureProgress(position)
    for one in load_mixture(sets, position, on_error=Skip(max_share=0.5)):
        progress.take(one)
    expected = [number for number, source, _, key in whole if source == "a" and key in lost_keys]
    assert [one.number for one in progress.skipped] == expected
    assert len(lost_keys) == 2
    assert progress.position.n_taken == 12
    with pytest.raises(ShardError, match="readable shard"):
        list(load_mixture(sets, position))
