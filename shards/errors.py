"""Errors of the ground floor, and the root of every error that the suite raises on purpose.

AnymodalError                 exit code 4: failed while working
├── UsageError                exit code 2: wrong usage or settings
├── UndecidedError            exit code 3: the question cannot be decided
└── ShardsError
    ├── SampleError           a sample breaks the contract of `shards.sample`
    ├── MediaError            media bytes cannot be read as what they claim to be
    ├── ShardError            a shard, an index or a manifest is broken
    └── WorkError             a build folder cannot be used: locked, changed, incomplete
"""

import contextlib
import re
from collections.abc import Iterator


class AnymodalError(Exception):
    """A problem told for people: where it is, what was expected, what was found, what to do about it.

    Args:
        place: File, record, line or option at which the problem stands.
        expected: What would have been right.
        found: What stands there instead.
        remedy: What the reader can do; empty if there is nothing beyond mending the place.
    """

    exit_code = 4

    def __init__(self, place: str, *, expected: str, found: str, remedy: str = "") -> None:
        super().__init__(place, expected, found, remedy)
        self.place, self.expected, self.found, self.remedy = place, expected, found, remedy

    def __str__(self) -> str:
        ending = f"; {self.remedy}" if self.remedy else ""
        return f"{self.place}: expected {self.expected}, found {self.found}{ending}"

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process although arguments are keyword-only."""
        return _rebuild, (type(self), self.place, self.expected, self.found, self.remedy)


def _rebuild(kind: type[AnymodalError], place: str, expected: str, found: str, remedy: str) -> AnymodalError:
    return kind(place, expected=expected, found=found, remedy=remedy)


class UsageError(AnymodalError):
    """The caller asked for something that cannot be asked for."""

    exit_code = 2


class UndecidedError(AnymodalError):
    """The inputs do not allow an answer, for example because two protocols differ."""

    exit_code = 3


class ShardsError(AnymodalError):
    """Root of this package's errors."""


class SampleError(ShardsError):
    """A sample breaks the contract of `shards.sample`."""


class MediaError(ShardsError):
    """Media bytes are broken, beyond the limits, or not what their name says."""


class ShardError(ShardsError):
    """A shard, an index or a manifest is broken."""


class WorkError(ShardsError):
    """A build folder cannot be used: locked, made by another recipe, or incomplete."""


Kinds = type[Exception] | tuple[type[Exception], ...]


@contextlib.contextmanager
def told_as(kinds: Kinds, error: type[AnymodalError], place: str, *, expected: str) -> Iterator[None]:
    """Raise `error` in place of whatever the block raises of these kinds; what that said becomes `found`."""
    try:
        yield
    except kinds as problem:
        found = re.sub("<[^<>]+ object at 0x[0-9a-f]+>", "the bytes", str(problem))  # as libraries name files in memory
        raise error(place, expected=expected, found=found) from problem
