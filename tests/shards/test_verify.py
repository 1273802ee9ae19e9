"""`verify` finds what other readers hide."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from shards import tar
from shards.errors import ShardError
from shards.manifest import INDEX, MANIFEST, SHARDS
from shards.verify import verify
from shards.work import Pipeline, build
from tests.factories import Word, media_draft, png, wav

SHARD = f"{SHARDS}/bucket-00000-audio_image-000.tar"


class Show:
    """Every word becomes a picture and a sound."""

    name, version = "show", 1

    def __call__(self, record: Word) -> object:
        return media_draft(f"key-{record.id}", picture=png(), sound=wav())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    records = [Word(f"w{number}", "") for number in range(3)]
    build(Pipeline(name="x", settings={}, records=records, record_type=Word, steps=(Show(),), n_buckets=1), tmp_path)
    return tmp_path


def told(folder: Path) -> str:
    return "\n".join(f"{fault.place}: {fault.problem}" for fault in verify(folder))


def test_a_whole_set_has_no_fault(folder: Path) -> None:
    assert verify(folder) == []


def test_a_cut_at_every_block_is_found(folder: Path) -> None:
    content = (folder / SHARD).read_bytes()
    for end in range(0, len(content), tar.BLOCK):
        (folder / SHARD).write_bytes(content[:end])
        assert "the manifest says" in told(folder)


def test_a_changed_byte_of_media_is_found_by_shard_and_by_sample(folder: Path) -> None:
    content = bytearray((folder / SHARD).read_bytes())
    content[content.index(b"IDAT") + 8] ^= 1
    (folder / SHARD).write_bytes(content)
    assert "does not have the sha256 of the manifest" in told(folder)
    assert "does not have the sha256 that the sample states" in told(folder)


def test_missing_and_unknown_files_are_found(folder: Path) -> None:
    (folder / SHARD).rename(folder / f"{SHARDS}/extra.tar")
    assert f"{SHARD}: cannot be read" in told(folder)
    assert "extra.tar: is not in the manifest" in told(folder)


def test_a_changed_index_is_found(folder: Path) -> None:
    path = folder / INDEX / "bucket-00000.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    assert "bucket-00000.parquet: sha256 is" in told(folder)


def test_a_folder_without_manifest_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=MANIFEST):
        verify(tmp_path)


def test_a_broken_manifest_line_is_named(folder: Path) -> None:
    (folder / MANIFEST).write_text("{}\n")
    with pytest.raises(ShardError, match="line 1"):
        verify(folder)


Files = dict[str, bytes]


def rewrite(folder: Path, change: Callable[[Files], list[tuple[str, bytes]]]) -> None:
    """Write the shard anew with other members, as a careless tool would."""
    with tarfile.open(folder / SHARD) as old:
        files = {info.name: old.extractfile(info).read() for info in old}  # type: ignore[union-attr]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as new:
        for name, content in change(files):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))
    end = buffer.getvalue().rstrip(b"\0")
    (folder / SHARD).write_bytes(end + bytes(-len(end) % 512 + 1024))


def without(suffix: str) -> Callable[[Files], list[tuple[str, bytes]]]:
    return lambda files: [(name, content) for name, content in files.items() if not name.endswith(suffix)]


def renamed(old: str, new: str) -> Callable[[Files], list[tuple[str, bytes]]]:
    return lambda files: [(name.replace(old, new), content) for name, content in files.items()]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (without("w1.json"), "has no key-w1.json"),
        (without("w1.1-0.png"), "names key-w1.1-0.png, which is missing"),
        (lambda files: [*files.items(), next(iter(files.items()))], "stands twice"),
        (lambda files: sorted(files.items(), key=lambda file: file[0][7:]), "do not stand together"),
        (lambda files: [*files.items(), ("key-w9.txt", b"x")], "has no key-w9.json"),
        (renamed("key-w1", "Key-w1"), "has a key outside"),
        (renamed("key-w1", "key.w1"), "has no key.json"),
        (renamed("w1.1-0.png", "w1.1-0.PNG"), "holds key-w1.1-0.PNG, which no part names"),
        (renamed("key-w1.json", "key-w1.json.bak"), "has no key-w1.json"),
        (lambda files: [(n, wav() if n.endswith("w1.1-0.png") else c) for n, c in files.items()], "holds wav bytes"),
        (lambda files: [(n, b"{}" if n.endswith("w1.json") else c) for n, c in files.items()], "schema"),
        (
            lambda files: [(n, files["key-w0.json"] if n == "key-w1.json" else c) for n, c in files.items()],
            "calls itself",
        ),
    ],
)
def test_damaged_samples_are_found(
    folder: Path, change: Callable[[Files], list[tuple[str, bytes]]], problem: str
) -> None:
    rewrite(folder, lambda files: list(files.items()))
    assert problem not in told(folder)
    rewrite(folder, change)
    assert problem in told(folder)
