"""The order in which an epoch reads a set, and reading a sample at any place of it."""

import bisect
import functools
import hashlib
import itertools
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from shards.draft import Draft
from shards.errors import ShardError
from shards.keys import keyed_hash
from shards.manifest import ShardRecord
from shards.reader import ShardSet, draft_of, groups, key_of
from shards.tar import Member

Numbers = np.ndarray[Any, np.dtype[np.int64]]


class Shuffle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an epoch is shuffled: shards by a keyed hash, and then the samples of `window` neighbours with each other.

    A window of 0 reads the set as it was written.
    """

    seed: int = 0
    window: int = 4


class EpochOrder:
    """A permutation of a set's samples, computed window by window; the same on every machine and in every version."""

    def __init__(self, shards: Sequence[ShardRecord], shuffle: Shuffle, epoch: int) -> None:
        self._shuffle, self._epoch = shuffle, epoch
        order = list(range(len(shards)))
        if shuffle.window:
            order.sort(
                key=lambda shard: keyed_hash(f"{epoch}/{shards[shard].name}", seed=shuffle.seed, purpose="shards")
            )
        n_mixed = max(1, shuffle.window)
        self._windows = [order[start : start + n_mixed] for start in range(0, len(order), n_mixed)]
        self._lengths = [record.n_samples for record in shards]
        sizes = [sum(self._lengths[shard] for shard in window) for window in self._windows]
        self._ends = list(itertools.accumulate(sizes))
        self._places = functools.lru_cache(maxsize=2)(self._places_of)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def locate(self, number: int) -> tuple[int, int]:
        """The shard that holds the epoch's sample `number`, and the sample's place in it; both count from 0."""
        window = bisect.bisect_right(self._ends, number)
        shards, places = self._places(window)
        at = number - (self._ends[window - 1] if window else 0)
        return shards[at], places[at]

    def _places_of(self, window: int) -> tuple[list[int], list[int]]:
        """Shard and place of each sample of a window, in reading order."""
        lengths = [self._lengths[shard] for shard in self._windows[window]]
        shards = np.repeat(self._windows[window], lengths)
        places = np.concatenate([np.arange(length) for length in lengths])
        if self._shuffle.window:
            key = keyed_hash(f"{self._epoch}/{window}", seed=self._shuffle.seed, purpose="samples")
            # random_raw is fixed for all versions of numpy, which permutation() is not
            order = np.argsort(np.random.Philox(key=key).random_raw(len(places)), kind="stable")
            shards, places = shards[order], places[order]
        return shards.tolist(), places.tolist()


class _OpenShard:
    """A shard in memory: its samples' members, and what is wrong with it after the last whole one.

    Members stand in one list, with no object for each sample that the garbage collector would look at again and again.
    """

    def __init__(self, shard_set: ShardSet, record: ShardRecord) -> None:
        self._place = f"{shard_set.place}/{record.name}"
        self._members: list[Member] = []
        self._starts = [0]
        self._content: bytes | memoryview = b""
        self._damage = ShardError(self._place, expected=f"{record.n_samples} samples", found="fewer")
        try:
            self._content = shard_set.content(record.name)
            for _, members in groups(self._content, place=self._place):
                self._members += members
                self._starts.append(len(self._members))
        except ShardError as error:
            self._damage = error

    def draft(self, place: int) -> Draft:
        """The sample at `place`; raises what is wrong with it."""
        if place + 1 >= len(self._starts):
            raise self._damage
        members = self._members[self._starts[place] : self._starts[place + 1]]
        return draft_of(key_of(members[0]), members, self._content, place=self._place)


class EpochReader:
    """Reads the samples of any epoch of a set by their number; keeps the shards of a window open."""

    def __init__(self, shard_set: ShardSet, shuffle: Shuffle) -> None:
        self._set, self._shards, self._shuffle = shard_set, shard_set.shards, shuffle
        self._open: OrderedDict[int, _OpenShard] = OrderedDict()
        self._order = functools.lru_cache(maxsize=2)(functools.partial(EpochOrder, self._shards, shuffle))
        self.n_samples = sum(record.n_samples for record in self._shards)

    def read(self, *, epoch: int, number: int) -> Draft:
        """The epoch's sample `number`, 0 <= number < n_samples.

        Raises:
            ShardsError: If its shard is damaged there, or the sample is not whole.
        """
        shard, place = self._order(epoch).locate(number)
        if shard not in self._open:
            if len(self._open) > max(1, self._shuffle.window):
                self._open.popitem(last=False)
            self._open[shard] = _OpenShard(self._set, self._shards[shard])
        self._open.move_to_end(shard)
        return self._open[shard].draft(place)


def set_sha256(shard_set: ShardSet) -> str:
    """Identity of what a set holds: the names and sha256 of its shards."""
    return hashlib.sha256(
        msgspec.json.encode([(record.name, record.sha256) for record in shard_set.shards])
    ).hexdigest()
