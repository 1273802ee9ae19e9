"""Keys of samples: how they are made, which bucket they fall into, in which order a bucket holds them."""

import hashlib
import re

MAX_KEY_BYTES = 60
"""Leaves room for `.<turn>-<part>.<ext>` within ustar's 100 bytes of name."""

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*")
_MEDIA_NAME = re.compile(r"\.[0-9]{1,9}-[0-9]{1,9}\.[a-z0-9]{1,9}")
_OUTSIDE = re.compile(r"[^a-z0-9]+")
_SLUG_CHARS = 40
_DIGEST_CHARS = 16


def make_key(source: str, source_id: str) -> str:
    """A key that says where the sample comes from, and is different for every (source, id).

    The slug is for people; the 64-bit hash of both names keeps "v1.5" and "v1_5" apart.
    """
    slug = _OUTSIDE.sub("_", f"{source}_{source_id}".lower()).strip("_")[:_SLUG_CHARS].strip("_") or "sample"
    digest = hashlib.sha256(f"{source}\0{source_id}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{slug}-{digest[:_DIGEST_CHARS]}"


def is_key(text: str) -> bool:
    """Whether `text` may stand before the first dot of a tar member."""
    return len(text) <= MAX_KEY_BYTES and _KEY.fullmatch(text) is not None


def is_media_name(name: str, key: str) -> bool:
    """Whether `name` is KEY.<turn>-<part>.<ext>, as the media members of the sample `key` are called."""
    return name.startswith(key) and _MEDIA_NAME.fullmatch(name, len(key)) is not None


def keyed_hash(text: str, *, seed: int, purpose: str) -> int:
    """A 64-bit hash that changes with seed and purpose: for buckets, shuffles and nested subsets."""
    secret = f"{purpose}:{seed}".encode()
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=secret[:64]).digest()
    return int.from_bytes(digest, "big")
