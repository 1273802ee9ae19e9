"""A user's own captioned folder: media files, and a table that gives each a caption.

The table is `captions.csv`, `captions.jsonl` or `captions.parquet` (or `metadata.*`, as Hugging Face's folders name
it) with the columns `file` (or `file_name`) and `caption` (or `text`), and optionally `id`, `licence` and `url`.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import SourceError
from curation.sources.pair import Pair, id_field, optional_text

_STEMS, _ENDINGS = ("captions", "metadata"), (".csv", ".jsonl", ".parquet")


def read_folder(folder: Path) -> Iterator[Pair]:
    """The pairs that the folder's table lists; files that it does not list are no inputs.

    Raises:
        SourceError: If there is not exactly one table, or a row lacks a column; the row is named.
    """
    tables = [folder / f"{stem}{ending}" for stem in _STEMS for ending in _ENDINGS]
    present = [path for path in tables if path.is_file()]
    if len(present) != 1:
        found = ", ".join(path.name for path in present) or "none"
        raise SourceError(str(folder), expected="one captions.csv, captions.jsonl or captions.parquet", found=found)
    for number, row in enumerate(_rows(present[0]), 1):
        yield _pair(row, folder, place=f"{present[0]}, row {number}")


def _rows(path: Path) -> Iterator[Any]:
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                yield from csv.DictReader(file, strict=True)
        elif path.suffix == ".jsonl":
            for line in path.read_bytes().splitlines():
                if line.strip():
                    yield msgspec.json.decode(line)
        else:
            for batch in pq.ParquetFile(path).iter_batches():
                yield from batch.to_pylist()
    except (OSError, csv.Error, msgspec.MsgspecError, UnicodeDecodeError, pa.ArrowException) as error:
        raise SourceError(str(path), expected=f"a readable {path.suffix[1:]} table", found=str(error)) from error


def _pair(row: Any, folder: Path, *, place: str) -> Pair:
    file_column = _present(row, "file", "file_name", place=place)
    caption_column = _present(row, "caption", "text", place=place)
    has_id = row.get("id") not in (None, "")
    return Pair(
        source=folder.resolve().name,
        source_id=id_field(row, "id" if has_id else file_column, place=place),
        root=str(folder),
        file=optional_text(row, file_column) or "",
        caption=optional_text(row, caption_column),
        licence=optional_text(row, "licence") or "unknown",
        url=optional_text(row, "url"),
    )


def _present(row: Any, *names: str, place: str) -> str:
    """The first of `names` that is a column."""
    column = next((name for name in names if isinstance(row, dict) and name in row), None)
    if column is None:
        found = ", ".join(map(str, row)) if isinstance(row, dict) else repr(row)[:80]
        raise SourceError(place, expected=f"a column {' or '.join(names)}", found=found)
    return column
