"""Tombstones: what was taken out of a set for good, published with it so that everyone can follow."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from shards.errors import ShardError, told_as

TOMBSTONE_SCHEMA: Final = "anymodal.tombstone/1"
TOMBSTONES = "tombstones.jsonl"


class Tombstone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sample that was taken down: its key, why, and the hashes of its media; nothing of its content."""

    key: str
    reason: str
    media_sha256: Sequence[str]
    schema: Literal["anymodal.tombstone/1"] = TOMBSTONE_SCHEMA


def read_tombstones(folder: Path) -> dict[str, Tombstone]:
    """A set's tombstones by key, in the order in which samples were taken; empty if there are none.

    Raises:
        ShardError: If the file cannot be read: better no work than one that brings samples back.
    """
    path = folder / TOMBSTONES
    with told_as((OSError, msgspec.MsgspecError), ShardError, str(path), expected="tombstones"):
        lines = path.read_bytes().splitlines() if path.exists() else []
        stones = [msgspec.json.decode(line, type=Tombstone) for line in lines]
    return {stone.key: stone for stone in stones}


def encode_tombstones(stones: Iterable[Tombstone]) -> bytes:
    """The bytes of `tombstones.jsonl`."""
    return b"".join(msgspec.json.encode(stone, order="sorted") + b"\n" for stone in stones)
