"""Our tar is everybody's tar, and damage anywhere is found."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards import tar
from shards.errors import ShardError

NAMES = st.from_regex(r"[a-z0-9_-]{1,60}\.[a-z0-9.-]{1,20}", fullmatch=True)


def archive(files: dict[str, bytes]) -> bytes:
    pieces = [tar.header(name, len(content)) + content + tar.padding(len(content)) for name, content in files.items()]
    return b"".join(pieces) + tar.END


@settings(deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=1500), max_size=5))
def test_pythons_tarfile_reads_what_we_write(files: dict[str, bytes]) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive(files))) as file:
        found = {info.name: file.extractfile(info).read() for info in file}  # type: ignore[union-attr]
        assert all((info.mtime, info.uid, info.gid, info.uname) == (0, 0, 0, "") for info in file)
    assert found == files


@settings(deadline=None)
@given(NAMES, st.integers(0, tar.MAX_MEMBER_BYTES))
def test_headers_are_tarfiles_to_the_byte(name: str, size_bytes: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size_bytes, 0o644
    assert tar.header(name, size_bytes) == info.tobuf(tarfile.USTAR_FORMAT)


@settings(deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=1500), max_size=5))
def test_what_was_written_is_found(files: dict[str, bytes]) -> None:
    content = archive(files)
    members = list(tar.members(content, place="x"))
    assert {one.name: content[one.offset : one.offset + one.size_bytes] for one in members} == files


def test_a_cut_at_every_block_is_found() -> None:
    content = archive({"a.jpg": bytes(1000), "a.json": b"{}", "b.jpg": bytes(10), "b.json": b"{}"})
    for end in range(0, len(content), tar.BLOCK):
        with pytest.raises(ShardError):
            list(tar.members(content[:end], place="x"))
    assert len(list(tar.members(content, place="x"))) == 4


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(kind: bytes) -> None:
    info = tarfile.TarInfo("a.json")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(ShardError, match="plain file"):
        list(tar.members(info.tobuf(tarfile.USTAR_FORMAT) + tar.END, place="x"))


@pytest.mark.parametrize("name", ["../a.json", "/a.json", "x/../../a.json"])
def test_paths_out_of_the_archive_are_refused(name: str) -> None:
    content = tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT) + tar.END
    with pytest.raises(ShardError, match="relative member name"):
        list(tar.members(content, place="x"))


def test_a_changed_header_is_found() -> None:
    content = bytearray(archive({"a.json": b"{}"}))
    content[0] ^= 1
    with pytest.raises(ShardError, match="checksum"):
        list(tar.members(bytes(content), place="x"))


def test_a_size_that_is_not_octal_is_found() -> None:
    """With the checksum that fits it."""
    content = bytearray(archive({"a.json": b"{}"}))
    content[134] += 7  # the size's last digit, from 2 to 9
    content[148:154] = b"%06o" % (int(content[148:154], 8) + 7)
    with pytest.raises(ShardError, match="an octal size"):
        list(tar.members(bytes(content), place="x"))


def test_bytes_after_the_end_are_found() -> None:
    with pytest.raises(ShardError, match="nothing after"):
        list(tar.members(archive({"a.json": b"{}"}) + b"x" * 512, place="x"))


@pytest.mark.parametrize("name", ["", "a" * 101, "ä.json"])
def test_names_that_ustar_cannot_hold_are_refused(name: str) -> None:
    with pytest.raises(ShardError, match="ASCII"):
        tar.header(name, 0)
