"""JSON files from outside, decoded into typed records or refused with the record and the reason."""

import re
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from shards.errors import AnymodalError

Record = TypeVar("Record")

_BOM: Final = b"\xef\xbb\xbf"
_LONE_SURROGATE: Final = re.compile(
    rb"(?<!\\)\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|[c-fC-F][0-9a-fA-F]{2}(?<!\\u[dD][89abAB]..\\u.{4}))"
)
_PATH_IN_MESSAGE: Final = re.compile(r" - at `\$(.*)`$")


def read_document(path: Path, kind: type[Record], *, what: str, error: type[AnymodalError]) -> Record:
    """One JSON document of the given kind; unknown fields are skipped.

    Raises:
        AnymodalError: Of the class `error`, if the file cannot be read, is not UTF-8 JSON, or breaks its format.
    """
    content = file_bytes(path, what=what, error=error)
    return decode(content, msgspec.json.Decoder(kind), place=str(path), what=what, error=error)


def read_lines(path: Path, kind: type[Record], *, what: str, error: type[AnymodalError]) -> list[Record]:
    """JSON lines, one record of the given kind a line; blank lines are skipped, unknown fields too."""
    content = file_bytes(path, what=what, error=error)
    decoder = msgspec.json.Decoder(kind)
    try:
        return decoder.decode_lines(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        numbered = [(n, line) for n, line in enumerate(content.split(b"\n"), start=1) if line.strip()]
        return [decode(line, decoder, place=f"{path}, line {n}", what=what, error=error) for n, line in numbered]


def read_records(path: Path, kind: type[Record], *, what: str, error: type[AnymodalError]) -> list[Record]:
    """A JSON array of records, or JSON lines."""
    content = file_bytes(path, what=what, error=error)
    if content.lstrip()[:1] == b"[":
        return decode(content, msgspec.json.Decoder(list[kind]), place=str(path), what=what, error=error)  # type: ignore[valid-type]
    return read_lines(path, kind, what=what, error=error)


def decode(
    content: bytes, decoder: msgspec.json.Decoder[Record], *, place: str, what: str, error: type[AnymodalError]
) -> Record:
    """Decode one JSON text, or raise `error` with the place inside the text."""
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as problem:
        where, found = _place_and_problem(str(problem))
        raise error(place + where, expected=what, found=found, remedy="mend this record") from problem
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        found = _syntax_fault(content, problem)
        raise error(place, expected=f"{what} as UTF-8 JSON", found=found, remedy="write the file anew") from problem


def file_bytes(path: Path, *, what: str, error: type[AnymodalError]) -> bytes:
    """The file's bytes without a byte order mark."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        found = problem.strerror or type(problem).__name__
        raise error(str(path), expected=f"a file of {what}", found=found.lower(), remedy="check the path") from problem
    return content.removeprefix(_BOM)


def _place_and_problem(message: str) -> tuple[str, str]:
    """Split msgspec's message into the path inside the document and the problem."""
    path = _PATH_IN_MESSAGE.search(message)
    if path is None:
        return "", message[:1].lower() + message[1:]
    where = path.group(1).lstrip(".")
    return (f", {where}" if where else ""), f"a record that breaks it ({message[: path.start()]})"


def _syntax_fault(content: bytes, problem: Exception) -> str:
    """What is wrong with text that is no JSON, in words that name the usual causes."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16 text"
    if isinstance(problem, RecursionError):
        return "brackets nested too deeply"
    if isinstance(problem, UnicodeDecodeError):
        return f"bytes that are not UTF-8 ({problem.reason})"
    lone = _LONE_SURROGATE.search(content)
    if lone is not None:
        return f"half of a surrogate pair, {lone.group().decode()}, at byte {lone.start()}"
    return f"{len(content)} bytes that break off or are malformed ({problem})"
