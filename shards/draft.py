"""Samples on their way into a shard: references to media bytes travel, the bytes stay where they are."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from shards.errors import MediaError
from shards.remote import fetch
from shards.sample import Sample


class FileBytes(msgspec.Struct, frozen=True, gc=False):
    """A whole file, or `size_bytes` of it from `offset` on (a tar member)."""

    path: str
    offset: int = 0
    size_bytes: int | None = None

    def read(self) -> bytes:
        """The bytes.

        Raises:
            MediaError: If the file is gone, unreadable or shorter than it was.
        """
        try:
            with Path(self.path).open("rb") as file:
                file.seek(self.offset)
                content = file.read(-1 if self.size_bytes is None else self.size_bytes)
        except OSError as error:
            raise MediaError(self.path, expected="a readable file", found=error.strerror or str(error)) from error
        if self.size_bytes is not None and len(content) != self.size_bytes:
            raise MediaError(self.path, expected=f"{self.size_bytes} bytes", found=f"{len(content)} bytes")
        return content


class HeldBytes(msgspec.Struct, frozen=True, gc=False):
    """Bytes in memory: what a model made, or a test invents."""

    content: bytes

    def read(self) -> bytes:
        """The bytes."""
        return self.content


class UrlBytes(msgspec.Struct, frozen=True):
    """`size_bytes` from `offset` on of the file behind a URL."""

    url: str
    offset: int
    size_bytes: int

    def read(self) -> bytes:
        """The bytes.

        Raises:
            MediaError: If they cannot be fetched.
        """
        return fetch(self.url, offset=self.offset, size_bytes=self.size_bytes)


Blob = FileBytes | HeldBytes | UrlBytes


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A sample before it is written: its media by member name, each to be read once, when its turn comes."""

    sample: Sample
    blobs: Mapping[str, Blob] = {}
