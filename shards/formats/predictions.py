"""Files of predictions, such as the official submissions: which id got which answer, as a JSON array or JSON lines."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from shards.files import write_atomic
from shards.formats.errors import PredictionError
from shards.formats.records import file_bytes, read_records

Id = TypeVar("Id", int, str)

_SHOWN: Final = 3

SubmissionFormat = Literal["vqa", "coco", "answers"]
"""Whose server or script takes the file: VQA's, COCO captions', or `anymodal score` where there is no official one."""

SUBMISSIONS: Final[Mapping[SubmissionFormat, tuple[str, str]]] = {
    "vqa": ("question_id", "answer"),
    "coco": ("image_id", "caption"),
    "answers": ("id", "answer"),
}
"""The fields of id and answer in each format."""


def read_predictions(path: Path, id_field: str, value_field: str, *, id_type: type[Id]) -> dict[Id, str]:
    """Read `[{id_field: …, value_field: "…"}, …]` or the same objects one a line; other fields are skipped.

    Args:
        id_field: Name of the id, for example "question_id".
        value_field: Name of the answer's text, for example "answer".
        id_type: `int`: ids are JSON integers, a quoted number is refused. `str`: strings or integers, and an
            integer means its decimal text, so that 7 and "7" are the same id.

    Returns:
        Answer by id, in the file's order.

    Raises:
        PredictionError: If the file cannot be read or parsed, a field is absent or of the wrong type, or an id
            comes twice. An answer that does not exist is left out of the file; null is not an answer.
    """
    what = f'predictions {{"{id_field}": {"integer" if id_type is int else "string"}, "{value_field}": string}}'
    fields = [("id", int if id_type is int else int | str), ("value", str)]
    kind = msgspec.defstruct("Prediction", fields, rename={"id": id_field, "value": value_field}, gc=False)
    rows: list[Any] = read_records(path, kind, what=what, error=PredictionError)
    if not rows and not file_bytes(path, what=what, error=PredictionError).strip():
        remedy = "write [] if there are none"
        raise PredictionError(str(path), expected=what, found="an empty file", remedy=remedy)
    return _by_unique_id([(id_type(row.id), row.value) for row in rows], path)


def read_submission(path: Path, form: SubmissionFormat) -> dict[str, str]:
    """Answer by id of a file in one of the official formats; see `read_predictions`."""
    return read_predictions(path, *SUBMISSIONS[form], id_type=str)


def write_submission(path: Path, form: SubmissionFormat, answers: Mapping[str, str]) -> None:
    """Write answers as the official server takes them, whole or not at all; ids that are decimal become integers."""
    id_field, value_field = SUBMISSIONS[form]
    rows = [{id_field: _official_id(key), value_field: answer} for key, answer in answers.items()]
    write_atomic(path, msgspec.json.encode(rows))


def check_ids(predictions: Mapping[Id, object], known: Collection[Id], place: str) -> None:
    """Refuse predictions for ids that nobody asked about; missing ones are the scorer's business.

    Raises:
        PredictionError: Naming the first unknown ids and how many there are.
    """
    asked = known if isinstance(known, set | frozenset | dict) else set(known)
    unknown = [key for key in predictions if key not in asked]
    if unknown:
        expected, found = f"ids among the {len(asked)} that are asked for", f"{len(unknown)} unknown: {_first(unknown)}"
        remedy = "check that predictions and benchmark are of the same split"
        raise PredictionError(place, expected=expected, found=found, remedy=remedy)


def _by_unique_id(pairs: Sequence[tuple[Id, str]], path: Path) -> dict[Id, str]:
    predictions = dict(pairs)
    if len(predictions) < len(pairs):
        seen: set[Id] = set()
        twice = [key for key, _ in pairs if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
        found, remedy = f"{len(twice)} repeated: {_first(twice)}", "keep one answer for each id"
        raise PredictionError(str(path), expected="one prediction for each id", found=found, remedy=remedy)
    return predictions


def _first(ids: Collection[Id]) -> str:
    shown = ", ".join(f"{key!r:.80}" for key in list(ids)[:_SHOWN])
    return shown + (", …" if len(ids) > _SHOWN else "")


def _official_id(key: str) -> int | str:
    is_number = key.isascii() and key.isdigit() and str(int(key)) == key
    return int(key) if is_number else key
