"""Steps and chains: what happens to one input on its way to a sample."""

import errno
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import msgspec

from shards.draft import Draft
from shards.errors import AnymodalError, UsageError, WorkError
from shards.manifest import StepCounts
from shards.work.ledger import LedgerRow

WRITE, TAKEDOWN = "write", "takedown"
"""The last step of every chain, and the one before it in buckets that a sample was taken from."""

_ITEM_ERRNOS = (None, errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG)
"""What an `OSError` says of one item's file; with another number, such as that of a full disk, the machine is at fault.

Decoders raise it without a number.
"""

Check = Callable[[Draft], object]
"""Raises what is wrong with a draft."""


class Drop(msgspec.Struct, frozen=True):
    """A step's verdict that an item does not belong into the set."""

    reason: str
    detail: str = ""


class Step(Protocol):
    """One stage of a chain. Give it a new `version` whenever its output changes.

    Called with what the step before returned (the first one with the source's record), it returns what the next one
    takes, a `Drop`, or a tuple to make several items out of one. What it raises fails the item, nothing else; but
    errors of the settings (`UsageError`, `ImportError`) and of the machine (no memory, no disk) end the build.
    The last step returns `Draft`. Steps travel to worker processes, so they are picklable.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    def __call__(self, item: Any, /) -> Any: ...


class Arrived(msgspec.Struct, frozen=True):
    """An item under the id that the ledger will show: a source's record at first, a draft at the end of the chain."""

    id: str
    draft: Draft
    created: bool = False


class Travelled(msgspec.Struct, frozen=True):
    """Where the inputs of a unit went: drafts that arrived, ledger rows of those that did not, counts per step."""

    arrived: list[Arrived]
    ended: list[LedgerRow]
    steps: list[StepCounts]


def travel(inputs: Sequence[Arrived], steps: Sequence[Step], *, check: Check | None = None) -> Travelled:
    """Send inputs through the steps, one after the other, and account for each.

    An error in a step costs the item that caused it and is kept as its reason; so does what `check` raises.
    """
    done = Travelled(arrived=[], ended=[], steps=[])
    items = list(inputs)
    for step in steps:
        counts: Counter[str] = Counter()
        following: list[Arrived] = []
        for item in items:
            result = _apply(step, item, check if step is steps[-1] else None)
            counts[result.outcome if isinstance(result, LedgerRow) else "passed"] += 1
            if isinstance(result, LedgerRow):
                done.ended.append(result)
            else:
                following.extend(_several(item, result))
        n_created = len(following) - counts["passed"]
        done.steps.append(StepCounts(step.name, len(items), n_created, counts["dropped"], counts["failed"], n_merged=0))
        items = following
    done.arrived.extend(items)
    return done


def _apply(step: Step, item: Arrived, check: Check | None) -> LedgerRow | tuple[Any, ...]:
    """The items that the step made of one, or the ledger row of one that ends here."""
    try:
        result = step(item.draft)
        if isinstance(result, Drop):
            return LedgerRow(item.id, "", "dropped", step.name, result.reason, _plain(result.detail), item.created)
        if result is None or result == ():
            raise WorkError(f"step {step.name}", expected="an item, a Drop or a tuple of items", found=repr(result))
        parts = result if isinstance(result, tuple) else (result,)
        if check is not None:
            for draft in parts:
                check(draft)
        return parts
    except (UsageError, MemoryError, ImportError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in _ITEM_ERRNOS:
            raise
        detail = str(error) if isinstance(error, AnymodalError) else f"{type(error).__name__}: {error}"
        return LedgerRow(item.id, "", "failed", step.name, _reason(error), _plain(detail), item.created)


def _plain(text: str) -> str:
    """The text with what UTF-8 cannot carry escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def _reason(error: Exception) -> str:
    """The error's name in the ledger's spelling: MediaError becomes media_error."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(error).__name__).strip("_")


def _several(item: Arrived, parts: Sequence[Any]) -> Iterator[Arrived]:
    """The first part goes on under the item's id; the others are created items, numbered from 1."""
    for number, part in enumerate(parts):
        yield Arrived(item.id if number == 0 else f"{item.id}#{number}", part, created=item.created or number > 0)
