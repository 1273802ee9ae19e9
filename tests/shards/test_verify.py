"""`verify` finds what other readers hide."""

import contextlib
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import datasets
from datasets.filesystems import EXTENSION_TO_COMPRESSION_FS_FILE_CLS
from datasets.packaged_modules.webdataset.webdataset import WebDataset

from shards import tar
from shards.card import write_card
from shards.errors import ShardError
from shards.manifest import INDEX, INDEX_ARROW_SCHEMA, LEDGER, MANIFEST, SHARDS, read_manifest
from shards.verify import verify, verify_archive
from shards.work import Pipeline, build
from shards.writer import write_archive
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


def test_files_beside_the_books_are_found(folder: Path) -> None:
    """DuckDB over `index/*.parquet` would count their rows too."""
    for place in (INDEX, LEDGER):
        shutil.copy(folder / place / "bucket-00000.parquet", folder / place / "bucket-00009.parquet")
        assert f"{place}/bucket-00009.parquet: is not in the manifest" in told(folder)


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
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as new:
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
        (renamed("key-w1", "k" * 61), "beyond 60 characters"),
        (renamed("key-w1", "__key-w1"), "has a key outside"),
        (renamed("key-w1", "x/key-w1"), "has a key outside"),
        (renamed("key-w1", "../key-w1"), "expected a relative member name"),
        (renamed("key-w1", "/key-w1"), "expected a relative member name"),
        (renamed("w1.1-0.png", f"w1.{'x' * 100}.png"), "expected names of at most 100 bytes"),
        (renamed("w1.1-0.png", "w1.1-0.id"), "holds key-w1.1-0.id, which no part names"),
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


def test_a_link_is_found(folder: Path) -> None:
    with tarfile.open(folder / SHARD, "w", format=tarfile.USTAR_FORMAT) as file:
        link = tarfile.TarInfo("key-w0.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
    assert "expected a ustar header of a plain file" in told(folder)


def change_index(folder: Path, change: Callable[[list[dict[str, Any]]], object]) -> str:
    """Write the index table anew, and a manifest that agrees with it; what `verify` says then."""
    path = folder / INDEX / "bucket-00000.parquet"
    rows = pq.read_table(path).to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=INDEX_ARROW_SCHEMA), path)
    line = msgspec.structs.replace(read_manifest(folder)[0], index_sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    (folder / MANIFEST).write_bytes(msgspec.json.encode(line, order="sorted") + b"\n")
    return told(folder)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda rows: rows[1]["members"][0].update(offset=7), "sample key-w1: its index row differs in members"),
        (lambda rows: rows[1]["members"][0].update(sha256="0"), "sample key-w1: its index row differs in members"),
        (lambda rows: rows[1].update(signature="video", n_words=9), "its index row differs in signature, n_words"),
        (lambda rows: rows.pop(1), "sample key-w1: has no row in the index"),
        (lambda rows: rows[1].update(key="key-w9"), "sample key-w9: has a row in the index and is not in the shard"),
        (
            lambda rows: rows[1].update(shard="shards/x.tar"),
            "shards/x.tar: has rows in the index and is not in the man",
        ),
    ],
)
def test_index_rows_that_are_not_the_tars_are_found(
    folder: Path, change: Callable[[list[dict[str, Any]]], None], problem: str
) -> None:
    assert change_index(folder, lambda rows: None) == ""
    assert problem in change_index(folder, change)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda rows: rows.append(rows[0]), "0 empty fields and 1 repeated keys"),
        (lambda rows: rows[1].update(key=None), "1 empty fields and 0 repeated keys"),
        (lambda rows: [row.update(key=None) for row in rows], "3 empty fields and 2 repeated keys"),
        (lambda rows: [row.pop("licence") for row in rows], "3 empty fields and 0 repeated keys"),
        (lambda rows: rows[1].update(signature=None), "1 empty fields"),
        (lambda rows: rows[1].update(members=None), "1 empty fields"),
        (lambda rows: rows[1].update(members=[]), "1 empty fields"),
        (lambda rows: rows[1]["members"].append(None), "4 empty fields"),
        (lambda rows: rows[1]["members"][0].update(offset=None), "1 empty fields"),
        (lambda rows: rows[1]["members"][0].update(name=None), "1 empty fields"),
    ],
)
def test_an_index_from_which_no_other_can_be_made_is_a_fault(
    folder: Path, change: Callable[[list[dict[str, Any]]], object], problem: str
) -> None:
    write_card(folder, title="Shown")
    assert change_index(folder, lambda rows: None) == ""
    assert f"index: has {problem}" in change_index(folder, change)


def test_a_shard_that_is_listed_twice_is_a_fault(folder: Path) -> None:
    write_card(folder, title="Shown")
    line = read_manifest(folder)[0]
    line = msgspec.structs.replace(line, shards=[*line.shards, *line.shards])
    (folder / MANIFEST).write_bytes(msgspec.json.encode(line, order="sorted") + b"\n")
    assert "key-w1: stands 2 times in the set" in told(folder)
    assert "manifest.jsonl: counts 3 samples in bucket 0, 6 in its shards" in told(folder)


def test_a_changed_count_of_a_bucket_is_found(folder: Path) -> None:
    path = folder / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"n_written":3', b'"n_written":4'))
    assert told(folder) == "manifest.jsonl: counts 4 samples in bucket 0, 3 in its shards"


def test_counts_that_are_not_the_tars_are_found(folder: Path) -> None:
    path = folder / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"audio+image":3', b'"audio+image":4'))
    assert "holds {'audio+image': 3} by media, the manifest says {'audio+image': 4}" in told(folder)


def foreign(folder: Path, files: list[tuple[str, bytes]], form: int = tarfile.USTAR_FORMAT) -> Path:
    """A tar that another tool wrote."""
    path = folder / "foreign.tar"
    with tarfile.open(path, "w", format=form) as file:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def told_of(path: Path) -> str:
    return "\n".join(f"{fault.place}: {fault.problem}" for fault in verify_archive(path))


WHOLE = [("train/a.jpg", b"\xff\xd8\xff0"), ("train/a.0.png", png()), ("train/a.cap.txt", b"x"), ("b.json", b"{}")]


def test_a_foreign_tar_on_which_readers_agree_has_no_fault(tmp_path: Path) -> None:
    assert verify_archive(foreign(tmp_path, WHOLE[:2])) == []
    assert verify_archive(foreign(tmp_path, WHOLE[-1:])) == []


def by_hugging_face(path: Path) -> list[str]:
    """The columns that its loader finds in a tar; nothing if it refuses the tar."""
    with contextlib.suppress(datasets.exceptions.DatasetGenerationError, ValueError):
        found = datasets.load_dataset(
            "webdataset", data_files=str(path), split="train", cache_dir=str(path.parent / "cache")
        )
        return [name for name in found.column_names if not name.startswith("__")]
    return []


@pytest.mark.parametrize(("n_first", "columns"), [(0, ["png", "txt"]), (1, []), (4, []), (5, ["png"]), (6, ["png"])])
def test_columns_that_hugging_face_refuses_or_drops_are_found(tmp_path: Path, n_first: int, columns: list[str]) -> None:
    """Eight samples of which the first few have no text."""
    files = [(f"k{n}.{field}", png() if field == "png" else b"x") for n in range(8) for field in ("png", "txt")]
    path = foreign(tmp_path, [file for file in files if file[0] not in [f"k{n}.txt" for n in range(n_first)]])
    assert by_hugging_face(path) == columns
    refused = [(f"k{n_first}", "refuses the tar")] if not columns else []
    dropped = [(f"k{n_first}", "is the first with txt, too late")] if columns == ["png"] else []
    for fault, (key, problem) in zip(verify_archive(path), refused + dropped, strict=True):
        assert fault.place.endswith(f"sample {key}")
        assert problem in fault.problem


def test_a_missing_column_after_the_first_samples_is_no_fault(tmp_path: Path) -> None:
    """It is null there."""
    path = foreign(tmp_path, [(f"k{n}.{field}", b"x") for n in range(8) for field in ("cap", "txt")][:-1])
    assert by_hugging_face(path) == ["cap", "txt"]
    assert verify_archive(path) == []


def test_a_tar_of_ours_has_its_columns_in_the_sets_card(tmp_path: Path) -> None:
    with (tmp_path / "ours.tar").open("wb+") as file:
        write_archive(file, [media_draft("a", picture=png()), media_draft("b", sound=wav())])
    assert verify_archive(tmp_path / "ours.tar") == []


def test_every_field_that_hugging_face_parses_or_unpacks_is_known(tmp_path: Path) -> None:
    """Text, JSON and arrays are parsed as anyone would."""
    parsed = set(WebDataset.DECODERS) - {"txt", "text", "transcript", "json", "jsn", "npy"}
    unpacked = {extension.removeprefix(".") for extension in EXTENSION_TO_COMPRESSION_FS_FILE_CLS}
    assert {"cls", "msg"} <= parsed
    for extension in parsed | unpacked:
        assert "Hugging Face datasets" in told_of(foreign(tmp_path, [(f"a.{extension}", b"7")]))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("v1.5_000.jpg", b"\xff\xd8\xff", "has a dot in its key: readers see the field 5_000.jpg of sample v1"),
        ("a.JPG", b"\xff\xd8\xff", "has upper case in its field"),
        ("a.id", b"7", "a field that Hugging Face datasets parses as an integer"),
        ("a.index", b"7", "parses as an integer"),
        ("a.cls", b"7", "parses as an integer"),
        ("a.mpg", b"x", "takes for a picture"),
        ("a.h5", b"x", "takes for a picture"),
        ("a.txt.gz", b"x", "unpacks without a word"),
        ("a.pyd", b"x", "webdataset unpickles"),
        ("a.mp4", png(), "holds png bytes"),
        ("a.txt", png(), "holds png bytes"),
        ("a.jpeg", b"hello", "holds unknown bytes"),
        ("__meta__.json", b"{}", "begins with __"),
        ("readme", b"x", "has no field"),
        ("../a.json", b"{}", "expected a relative member name"),
        ("/a.json", b"{}", "expected a relative member name"),
        ("b.json", b"{}", "stands twice in the shard"),
        ("train/a.1.png", png(), "do not stand together"),
    ],
)
def test_faults_of_a_foreign_tar(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    assert problem not in told_of(foreign(tmp_path, WHOLE))
    assert problem in told_of(foreign(tmp_path, [*WHOLE, (name, content)]))


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_long_names_of_every_kind_are_found(tmp_path: Path, form: int) -> None:
    path = foreign(tmp_path, [("x" * 60 + "/" + "y" * 60 + ".json", b"{}"), ("b.json", b"{}")], form)
    assert "expected names of at most 100 bytes" in told_of(path)


def test_a_float_time_is_found(tmp_path: Path) -> None:
    """It costs 1,024 bytes a member and halves the speed of reading."""
    with tarfile.open(tmp_path / "foreign.tar", "w", format=tarfile.PAX_FORMAT) as file:
        info = tarfile.TarInfo("a.json")
        info.mtime = 0.5
        file.addfile(info)
    assert "found pax header" in told_of(tmp_path / "foreign.tar")


def test_a_foreign_tar_cut_at_any_block_is_found(tmp_path: Path) -> None:
    path = foreign(tmp_path, WHOLE)
    with tarfile.open(path) as file:
        end = max(info.offset_data + -(-info.size // 512) * 512 for info in file) + 1024
    content = path.read_bytes()
    for cut in range(0, end, tar.BLOCK):
        path.write_bytes(content[:cut])
        assert "expected" in told_of(path)
    path.write_bytes(content[:end])
    assert "expected" not in told_of(path)
