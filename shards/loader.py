"""The loader: a `webdataset.DataPipeline` that reads every sample of an epoch once, and goes on wherever it stopped.

position = begin(folder, seed=1, epoch=0, rank=rank, world_size=world_size)
progress = Progress(position)
for loaded in torch.utils.data.DataLoader(load(folder, position), batch_size=None, num_workers=2):
    draft = progress.take(loaded)
...
position = progress.position  # at any time; load(folder, position) reads exactly the rest
"""

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from shards.draft import Draft
from shards.errors import ShardError, ShardsError, UsageError
from shards.order import EpochReader, Shuffle, set_sha256
from shards.reader import ShardSet

POSITION_SCHEMA: Final = "anymodal.position/1"
Span = tuple[int, int]
"""Numbers of an epoch from the first to before the second."""


class Stop(msgspec.Struct, frozen=True):
    """A sample that cannot be read ends the reading."""


class Skip(msgspec.Struct, frozen=True, kw_only=True):
    """Samples that cannot be read are left out and told, up to a share of what each worker has to read."""

    max_share: float

    def __post_init__(self) -> None:
        if not 0 <= self.max_share <= 1:
            raise UsageError("Skip(max_share)", expected="0 to 1", found=f"{self.max_share}")


OnError = Stop | Skip


class Skipped(msgspec.Struct, frozen=True):
    """A sample that was left out: its number, and why."""

    number: int
    reason: str


class Loaded(msgspec.Struct, frozen=True, gc=False):
    """A sample and its number in the order of reading.

    `skipped` are those left out since the sample before; after the last sample of a worker's share there is nobody
    else to tell, so it also carries those after it.
    """

    number: int
    draft: Draft
    skipped: tuple[Skipped, ...] = ()
    source: str = ""
    epoch: int = 0


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one rank has still to read of one epoch of one set; JSON by msgspec."""

    set_sha256: str
    shuffle: Shuffle
    epoch: int
    rank: int
    world_size: int
    rest: tuple[Span, ...]
    schema: Literal["anymodal.position/1"] = POSITION_SCHEMA

    @property
    def n_rest(self) -> int:
        """How many samples are left."""
        return _length(self.rest)


def begin(
    folder: Path | str,
    *,
    seed: int = 0,
    epoch: int = 0,
    shuffle: bool = True,
    window: int = 4,
    rank: int = 0,
    world_size: int = 1,
) -> Position:
    """The position of a rank before an epoch; all ranks together read every sample once, within one of equal shares.

    Args:
        folder: A set, here or behind a URL.
        seed: Decides, with `epoch`, the order.
        epoch: Counts from 0.
        shuffle: Whether to shuffle; otherwise samples come as they were written.
        window: How many shards are open at a time and mixed with each other.
        rank: Of this process.
        world_size: Number of processes.
    """
    shard_set = ShardSet(folder)
    n_samples = sum(record.n_samples for record in shard_set.shards)
    whole = Position(
        set_sha256=set_sha256(shard_set),
        shuffle=Shuffle(seed, window if shuffle else 0),
        epoch=epoch,
        rank=0,
        world_size=1,
        rest=((0, n_samples),),
    )
    return share([whole], rank=rank, world_size=world_size)


def share(positions: Sequence[Position], *, rank: int, world_size: int) -> Position:
    """What a rank reads of what all ranks of an earlier run left, whatever their number.

    Raises:
        UsageError: If the positions are not those of all ranks of one run, or the rank is none of the new world's.
    """
    if not 0 <= rank < world_size:
        raise UsageError("rank", expected=f"0 to {world_size - 1}", found=f"{rank}")
    first = positions[0]
    runs = {(one.set_sha256, one.shuffle, one.epoch, one.world_size) for one in positions}
    ranks = sorted(one.rank for one in positions)
    if len(runs) != 1 or ranks != list(range(first.world_size)):
        found = f"ranks {ranks} of {len(runs)} runs"
        raise UsageError("positions", expected=f"one of each of {first.world_size} ranks of one run", found=found)
    rest = _cut(sorted(span for one in positions for span in one.rest), rank, world_size)
    return msgspec.structs.replace(first, rank=rank, world_size=world_size, rest=rest)


def load(folder: Path | str, position: Position, *, on_error: OnError = Stop()) -> Any:  # noqa: B008 (frozen)
    """A `webdataset.DataPipeline` of `Loaded`, for use as it is or in a `torch.utils.data.DataLoader`.

    Its stages: the spans that are left, their split among the workers, and the reading of samples out of mapped tars.

    Raises:
        UsageError: If the position is of another set, or webdataset is not installed.
    """
    found = set_sha256(ShardSet(folder))
    if found != position.set_sha256:
        raise UsageError(str(folder), expected=f"the set {position.set_sha256[:12]}", found=f"the set {found[:12]}")
    return pipeline([[position.rest]], _split_by_worker, functools.partial(_expand, folder, position, on_error))


def pipeline(*stages: Any) -> Any:
    """The stages as a `webdataset.DataPipeline`."""
    try:
        import webdataset
    except ImportError as error:
        remedy = 'pip install "anymodal[curate]"'
        raise UsageError("loader", expected="webdataset", found="not installed", remedy=remedy) from error
    return webdataset.DataPipeline(*stages)


def worker_share() -> tuple[int, int]:
    """The number of this DataLoader worker and of all of them; 0 of 1 outside a DataLoader."""
    import webdataset.utils

    _, _, worker, n_workers = webdataset.utils.pytorch_worker_info()
    return worker, n_workers


def _split_by_worker(rests: Iterable[Sequence[Span]]) -> Iterator[tuple[Span, ...]]:
    worker, n_workers = worker_share()
    yield from (_cut(rest, worker, n_workers) for rest in rests)


def _length(spans: Iterable[Span]) -> int:
    return sum(stop - start for start, stop in spans)


def _cut(spans: Sequence[Span], part: int, n_parts: int) -> tuple[Span, ...]:
    """One of `n_parts` nearly equal pieces of spans, in their order."""
    total = _length(spans)
    first, last = total * part // n_parts, total * (part + 1) // n_parts
    piece: list[Span] = []
    passed = 0
    for start, stop in spans:
        low, high = max(start, start + first - passed), min(stop, start + last - passed)
        if low < high:
            piece.append((low, high))
        passed += stop - start
    return tuple(piece)


def _expand(
    folder: Path | str, position: Position, on_error: OnError, rests: Iterable[Sequence[Span]]
) -> Iterator[Loaded]:
    """The stage that reads samples; nothing is opened before it is called."""
    reader = EpochReader(ShardSet(folder), position.shuffle)
    for rest in rests:
        numbers = (number for start, stop in rest for number in range(start, stop))
        attempts = (_attempt(reader, position.epoch, number) for number in numbers)
        yield from with_policy(attempts, on_error, n_expected=_length(rest))


def _attempt(reader: EpochReader, epoch: int, number: int) -> Loaded | tuple[int, ShardsError]:
    try:
        return Loaded(number, reader.read(epoch=epoch, number=number), epoch=epoch)
    except ShardsError as error:
        return number, error


def with_policy(
    attempts: Iterable[Loaded | tuple[int, ShardsError]], on_error: OnError, *, n_expected: int
) -> Iterator[Loaded]:
    """The samples that could be read, each with those skipped around it.

    Raises:
        ShardsError: The first error under `Stop`; under `Skip` once more than its share of `n_expected` failed, or all.
    """
    waiting: Loaded | None = None
    skipped: list[Skipped] = []
    n_skipped = 0
    for attempt in attempts:
        if isinstance(attempt, Loaded):
            if waiting is not None:
                yield waiting
            waiting = msgspec.structs.replace(attempt, skipped=tuple(skipped)) if skipped else attempt
            skipped = []
            continue
        number, error = attempt
        n_skipped += 1
        if isinstance(on_error, Stop):
            if waiting is not None:
                yield waiting
            raise error
        if n_skipped > on_error.max_share * n_expected:
            allowed = f"at most {on_error.max_share:g} of {n_expected} samples skipped"
            raise ShardError(error.place, expected=allowed, found=f"{n_skipped}, the last: {error}") from error
        skipped.append(Skipped(number, str(error)))
    if waiting is not None:
        yield msgspec.structs.replace(waiting, skipped=(*waiting.skipped, *skipped)) if skipped else waiting
    elif skipped:  # there is no sample that could tell of them
        raise ShardError(f"{n_skipped} samples", expected="one that can be read", found=skipped[-1].reason)


class Progress:
    """Keeps, in the process that consumes samples, what was taken and what was skipped."""

    def __init__(self, position: Position) -> None:
        self._start = position
        self._stops: dict[int, int] = {}  # spans that were taken, never touching: start -> stop
        self._starts: dict[int, int] = {}  # the same, stop -> start
        self.skipped: list[Skipped] = []

    def take(self, loaded: Loaded) -> Draft:
        """The sample; from now on it counts as read."""
        self._add(loaded.number)
        for one in loaded.skipped:
            self._add(one.number)
        self.skipped.extend(loaded.skipped)
        return loaded.draft

    def _add(self, number: int) -> None:
        start, stop = self._starts.pop(number, number), self._stops.pop(number + 1, number + 1)
        self._stops[start], self._starts[stop] = stop, start

    @property
    def reasons(self) -> Counter[str]:
        """How many samples were skipped for each reason."""
        return Counter(one.reason for one in self.skipped)

    @property
    def position(self) -> Position:
        """What is left to read."""
        taken = sorted(self._stops.items())
        rest = tuple(left for span in self._start.rest for left in _without(span, taken))
        return msgspec.structs.replace(self._start, rest=rest)


def _without(span: Span, taken: Iterable[Span]) -> Iterator[Span]:
    """What of a span is not in `taken`, which is sorted."""
    start, stop = span
    for low, high in taken:
        if high > start and low < stop:
            if low > start:
                yield start, low
            start = high
    if start < stop:
        yield start, stop
