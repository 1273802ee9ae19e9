"""Tar archives, exactly as shards need them: plain ustar, no times, no owners, no links.

Written by hand because it is the inner loop of every build, and read by hand because general readers hide damage:
at a cut they return a last sample without its missing fields and no error.
"""

import contextlib
from collections.abc import Generator

import msgspec

from shards.errors import ShardError

BLOCK = 512
END = bytes(2 * BLOCK)
_ZEROS = bytes(BLOCK)
MAX_NAME_BYTES = 100
MAX_MEMBER_BYTES = 8**11 - 1

_NUMBERS = b"0000644\x000000000\x000000000\x00"  # mode, uid, gid
_MTIME = b"00000000000\x00"
_TAIL = b" 0" + bytes(100) + b"ustar\x0000" + bytes(64 + 16 + 167)
_BLANK_CHECKSUM = b"        "
_FIXED_SUM = sum(_NUMBERS) + sum(_MTIME) + sum(_BLANK_CHECKSUM) + sum(_TAIL) - sum(b" ")
_FORMAT = b"%b" + _NUMBERS.replace(b"%", b"%%") + b"%b\0" + _MTIME + b"%06o\0" + _TAIL
_LONG_NAMES = {b"L": "GNU long name", b"K": "GNU long link", b"x": "pax header", b"g": "pax header"}


class Member(msgspec.Struct, frozen=True, gc=False):
    """A tar member: its name, and where its content lies in the archive."""

    name: str
    offset: int
    size_bytes: int


def header(name: str, size_bytes: int) -> bytes:
    """The 512 bytes that stand before a member's content.

    Raises:
        ShardError: If ustar cannot hold the name or the size.
    """
    raw = name.encode("ascii", "replace")
    if not 0 < len(raw) <= MAX_NAME_BYTES or b"?" in raw:
        raise ShardError(f"member {name!r}", expected="1 to 100 ASCII characters", found=f"{len(name)} characters")
    if size_bytes > MAX_MEMBER_BYTES:
        raise ShardError(f"member {name}", expected="at most 8 GiB", found=f"{size_bytes} bytes")
    return _header(raw, b"%011o" % size_bytes)


def _header(raw_name: bytes, octal_size: bytes) -> bytes:
    return _FORMAT % (raw_name.ljust(100, b"\0"), octal_size, _FIXED_SUM + sum(raw_name) + sum(octal_size))


def padding(size_bytes: int) -> bytes:
    """Zeros that fill a member's last block."""
    return bytes(-size_bytes % BLOCK)


class Oddity(msgspec.Struct, frozen=True):
    """An entry that readers disagree about: a link, a long name, a path out of the archive; `name` as far as known."""

    name: str
    offset: int
    expected: str
    found: str


def members(archive: bytes | memoryview, *, place: str) -> Generator[Member, None, None]:
    """The members of an archive, refusing whatever `header` would not have written.

    Raises:
        ShardError: At a cut, a broken checksum, a link, a path, or a missing end; the members before it were given.
    """
    with contextlib.closing(survey(archive, place=place)) as entries:
        for entry in entries:
            if isinstance(entry, Oddity):
                raise _broken(place, entry.offset, entry.expected, entry.found)
            yield entry


def survey(archive: bytes | memoryview, *, place: str) -> Generator[Member | Oddity, None, None]:
    """The members of an archive and its oddities, for telling what is wrong with a foreign one.

    Raises:
        ShardError: At damage after which no entry can be found; the entries before it were given.
    """
    view = memoryview(archive)
    offset, end = 0, len(view)
    while True:
        block = bytes(view[offset : offset + BLOCK])
        if len(block) < BLOCK:
            raise _broken(place, offset, "two zero blocks at the end", "the file ends before them")
        if block == _ZEROS:
            break
        raw_name, octal_size = block[:100].rstrip(b"\0"), block[124:135]
        is_plain = _is_octal(octal_size) and block == _header(raw_name, octal_size)  # as `header` writes it
        size_bytes = int(octal_size, 8) if is_plain else _checked_size(block, offset, place)
        start = offset + BLOCK
        if start + size_bytes > end:
            missing = start + size_bytes - end
            name = raw_name.decode("ascii", "replace")
            raise _broken(place, offset, f"{size_bytes} bytes of {name}", f"{missing} bytes too few")
        if is_plain and raw_name.isascii() and raw_name and b"/" not in raw_name and b"\0" not in raw_name:
            yield Member(raw_name.decode(), start, size_bytes)
        else:
            yield _oddity(block, raw_name, offset) or Member(raw_name.decode(), start, size_bytes)
        offset = start + size_bytes + -size_bytes % BLOCK
    if end < offset + len(END) or any(view[offset:]):
        raise _broken(place, offset, "two zero blocks at the end and nothing after", "other bytes")


def _checked_size(block: bytes, offset: int, place: str) -> int:
    """The size that a header states, if the header is whole."""
    expected = sum(block[:148]) + sum(_BLANK_CHECKSUM) + sum(block[156:])
    stated = block[148:156].strip(b" \0")
    if block[257:262] != b"ustar":
        raise _broken(place, offset, "a ustar header of a plain file", f"magic {block[257:262]!r}")
    if not _is_octal(stated) or int(stated, 8) != expected:
        raise _broken(place, offset, f"header checksum {expected:o}", repr(stated))
    octal_size = block[124:136].strip(b" \0")
    if not _is_octal(octal_size):
        raise _broken(place, offset, "an octal size", repr(block[124:136]))
    return int(octal_size, 8)


def _is_octal(digits: bytes) -> bool:
    return bool(digits) and not digits.strip(b"01234567")


def _oddity(block: bytes, raw_name: bytes, offset: int) -> Oddity | None:
    """What is wrong with an entry whose header is whole."""
    name = raw_name.decode("ascii", "replace")
    kind = block[156:157]
    if kind in _LONG_NAMES:
        return Oddity(name, offset, f"names of at most {MAX_NAME_BYTES} bytes in plain ustar", _LONG_NAMES[kind])
    if block[345:346] != b"\0" and block[257:263] == b"ustar\0":
        prefix = block[345:500].rstrip(b"\0").decode("ascii", "replace")
        return Oddity(name, offset, f"names of at most {MAX_NAME_BYTES} bytes", f"prefix {prefix!r} before {name!r}")
    if kind not in (b"0", b"\0"):
        return Oddity(name, offset, "a ustar header of a plain file", f"type {kind!r}, name {name!r}")
    if not raw_name or (b"/" in raw_name and (raw_name[:1] == b"/" or b".." in raw_name.split(b"/"))):
        return Oddity(name, offset, "a relative member name", repr(name))
    if not raw_name.isascii() or b"\0" in raw_name:
        return Oddity(name, offset, "a member name in ASCII", repr(name))
    return None


def _broken(place: str, offset: int, expected: str, found: str) -> ShardError:
    return ShardError(f"{place}, byte {offset}", expected=expected, found=found, remedy="rebuild this shard")
