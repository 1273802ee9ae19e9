"""Sets that lie behind a URL: whole files, and ranges of them, through fsspec."""

import posixpath
import sys
from collections.abc import Sequence
from typing import Any

from shards.errors import MediaError, UsageError


def is_url(place: object) -> bool:
    """Whether `place` is a URL, such as `s3://bucket/set`, and no path."""
    return isinstance(place, str) and "://" in place


def fetch(url: str, *, offset: int = 0, size_bytes: int | None = None) -> bytes:
    """A file, or the `size_bytes` of it from `offset` on.

    Raises:
        MediaError: If it cannot be read, or the server sends something else than was asked for.
        UsageError: If fsspec, or what it needs for this kind of URL, is not installed.
    """
    system, path = _resolve(url)
    end = None if size_bytes is None else offset + size_bytes
    try:
        content: bytes = system.cat_file(path, start=offset or None, end=end)
    except _errors() as error:
        raise MediaError(url, expected="a readable file", found=f"{type(error).__name__}: {error}") from error
    if size_bytes is not None and len(content) != size_bytes:
        remedy = "the server must answer range requests"
        raise MediaError(url, expected=f"{size_bytes} bytes from {offset}", found=f"{len(content)}", remedy=remedy)
    return content


def fetch_all(root: str, names: Sequence[str]) -> list[bytes]:
    """Whole files below `root`, several at a time where the file system can."""
    if not names:
        return []
    system, path = _resolve(root)
    paths = [posixpath.join(path, name) for name in names]
    try:
        contents: Any = system.cat(paths)
    except _errors() as error:
        raise MediaError(root, expected="readable files", found=f"{type(error).__name__}: {error}") from error
    return [contents] if isinstance(contents, bytes) else [contents[path] for path in sorted(contents)]


def _resolve(url: str) -> tuple[Any, str]:
    try:
        import fsspec  # type: ignore[import-untyped]

        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        remedy = 'pip install "anymodal[curate]"'
        raise UsageError(url, expected="a URL that fsspec reads", found=str(error), remedy=remedy) from error
    return system, path


def _errors() -> tuple[type[Exception], ...]:
    """What reading may raise; the HTTP client's errors exist only once it is in use."""
    client = sys.modules.get("aiohttp")
    return (OSError, ValueError) if client is None else (OSError, ValueError, client.ClientError)
