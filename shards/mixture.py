"""Several sets as one stream, in exact ratios that a stop and a resume cannot shift."""

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np

from shards.draft import Draft
from shards.errors import ShardsError, UsageError
from shards.loader import Loaded, OnError, Skipped, Stop, pipeline, with_policy, worker_share
from shards.order import EpochReader, Numbers, Shuffle, set_sha256
from shards.reader import ShardSet

MIXTURE_SCHEMA: Final = "anymodal.mixture/1"
MAX_PERIOD: Final = 100_000
"""Largest sum of weights without a common divisor; the pattern of picks repeats after it."""


class MixturePosition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where one rank stands in a mixture.

    Draws count from 0 over all ranks; a rank takes every `world_size`-th from `rank` on. `n_taken` of its draws are
    done without a gap, and those in `ahead` (counted the same way) beyond them.
    """

    weights: Mapping[str, int]
    sets_sha256: Mapping[str, str]
    shuffle: Shuffle
    n_draws: int
    rank: int
    world_size: int
    n_taken: int = 0
    ahead: tuple[int, ...] = ()
    schema: Literal["anymodal.mixture/1"] = MIXTURE_SCHEMA


def picks(weights: Sequence[int]) -> Numbers:
    """Which set each draw of a period comes from, [sum of weights / their divisor].

    After any number of draws each set's count is within one of its exact share: Tijdeman's rule, which picks, among
    the sets that are behind enough, the one whose next deadline is nearest.

    Source: Tijdeman 1980, The chairman assignment problem.
    """
    divisor = math.gcd(*weights)
    shares = [weight // divisor for weight in weights]
    period, scale = sum(shares), max(1, 2 * len(shares) - 2)
    counts = [0] * len(shares)
    order = np.empty(period, dtype=np.int64)
    for draw in range(1, period + 1):
        lags = [(share * draw - count * period) * scale for share, count in zip(shares, counts, strict=True)]
        behind = [number for number, lag in enumerate(lags) if lag >= period]
        chosen = min(behind, key=lambda number: (Fraction((scale - 1) * period - lags[number], shares[number]), number))
        counts[chosen] += 1
        order[draw - 1] = chosen
    return order


def begin_mixture(
    folders: Mapping[str, Path | str],
    weights: Mapping[str, int],
    *,
    n_draws: int,
    seed: int = 0,
    window: int = 4,
    rank: int = 0,
    world_size: int = 1,
) -> MixturePosition:
    """The position of a rank before a mixture's first draw.

    Args:
        folders: The sets by name.
        weights: How many samples of each set come in a period; whole numbers, for which 3 : 1 is exact.
        n_draws: Length of the stream; sets that end begin their next epoch, shuffled anew.
        seed: Decides the order within each set.
        window: See `loader.begin`; 0 for the order of writing.
        rank: Of this process.
        world_size: Number of processes.

    Raises:
        UsageError: If names or weights do not fit, or a set is empty.
    """
    if folders.keys() != weights.keys() or not weights or min(weights.values()) < 1:
        found = f"weights {dict(weights)}"
        raise UsageError("mixture", expected=f"a weight of at least 1 for each of {sorted(folders)}", found=found)
    if sum(weights.values()) // math.gcd(*weights.values()) > MAX_PERIOD:
        remedy = "round the weights"
        raise UsageError("mixture", expected=f"weights of sum {MAX_PERIOD}", found=f"{dict(weights)}", remedy=remedy)
    if not 0 <= rank < world_size:
        raise UsageError("rank", expected=f"0 to {world_size - 1}", found=f"{rank}")
    sets = {name: ShardSet(folder) for name, folder in sorted(folders.items())}
    empty = [name for name, shard_set in sets.items() if not len(shard_set)]
    if empty:
        raise UsageError("mixture", expected="sets with samples", found=f"nothing in {', '.join(empty)}")
    return MixturePosition(
        weights=dict(sorted(weights.items())),
        sets_sha256={name: set_sha256(shard_set) for name, shard_set in sets.items()},
        shuffle=Shuffle(seed, window),
        n_draws=n_draws,
        rank=rank,
        world_size=world_size,
    )


def load_mixture(
    folders: Mapping[str, Path | str],
    position: MixturePosition,
    *,
    on_error: OnError = Stop(),  # noqa: B008 (frozen)
) -> Any:
    """A `webdataset.DataPipeline` of `Loaded`; `source` is the set, `epoch` how often it was read before.

    Raises:
        UsageError: If a set is another than the position's, or webdataset is not installed.
    """
    found = {name: set_sha256(ShardSet(folder)) for name, folder in folders.items()}
    if found != position.sets_sha256:
        raise UsageError("mixture", expected=f"the sets {dict(position.sets_sha256)}", found=f"{found}")
    return pipeline([[position]], _draws, functools.partial(_read, dict(folders), on_error))


class _Share(msgspec.Struct, frozen=True):
    """The draws that are left for one worker."""

    position: MixturePosition
    n_draws: int
    draws: Iterator[int]


def _draws(positions: Iterable[MixturePosition]) -> Iterator[_Share]:
    worker, n_workers = worker_share()
    for position in positions:
        n_own = len(range(position.rank, position.n_draws, position.world_size))
        ahead = set(position.ahead)
        left = (own for own in range(position.n_taken, n_own) if own not in ahead)
        own_share = itertools.islice(left, worker, None, n_workers)
        n_left = n_own - position.n_taken - len(ahead)
        draws = (position.rank + own * position.world_size for own in own_share)
        yield _Share(position, len(range(worker, n_left, n_workers)), draws)


def _read(folders: Mapping[str, Path | str], on_error: OnError, shares: Iterable[_Share]) -> Iterator[Loaded]:
    """The stage that reads draws; nothing is opened before it is called."""
    for share in shares:
        position, names = share.position, sorted(folders)
        readers = {name: EpochReader(ShardSet(folders[name]), position.shuffle) for name in names}
        attempt = functools.partial(_attempt, readers, _Pattern([position.weights[name] for name in names]), names)
        yield from with_policy(map(attempt, share.draws), on_error, n_expected=share.n_draws)


class _Pattern:
    """The endless sequence of picks: for each draw its set, and how many draws of that set came before."""

    def __init__(self, weights: Sequence[int]) -> None:
        self._picks = picks(weights)
        self._per_period = np.bincount(self._picks, minlength=len(weights))
        self._before = np.empty_like(self._picks)
        for chosen, n_picks in enumerate(self._per_period):
            self._before[self._picks == chosen] = np.arange(n_picks)

    def at(self, draw: int) -> tuple[int, int]:
        period, place = divmod(draw, len(self._picks))
        chosen = int(self._picks[place])
        return chosen, period * int(self._per_period[chosen]) + int(self._before[place])


def _attempt(
    readers: Mapping[str, EpochReader], pattern: _Pattern, names: Sequence[str], draw: int
) -> Loaded | tuple[int, ShardsError]:
    chosen, n_before = pattern.at(draw)
    reader = readers[names[chosen]]
    epoch, number = divmod(n_before, reader.n_samples)
    try:
        return Loaded(draw, reader.read(epoch=epoch, number=number), source=names[chosen], epoch=epoch)
    except ShardsError as error:
        return draw, error


class MixtureProgress:
    """Keeps, in the process that consumes samples, what was taken and what was skipped."""

    def __init__(self, position: MixturePosition) -> None:
        self._start, self._n_taken, self._ahead = position, position.n_taken, set(position.ahead)
        self.skipped: list[Skipped] = []

    def take(self, loaded: Loaded) -> Draft:
        """The sample; from now on it counts as read."""
        for number in (loaded.number, *(one.number for one in loaded.skipped)):
            self._ahead.add((number - self._start.rank) // self._start.world_size)
        while self._n_taken in self._ahead:
            self._ahead.remove(self._n_taken)
            self._n_taken += 1
        self.skipped.extend(loaded.skipped)
        return loaded.draft

    @property
    def position(self) -> MixturePosition:
        """Where to go on."""
        return msgspec.structs.replace(self._start, n_taken=self._n_taken, ahead=tuple(sorted(self._ahead)))
